//! The innermost loops, chosen for the processor at run time.
