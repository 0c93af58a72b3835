//! The real binary, in temporary homes, against fake providers on loopback.
//!
//! - `world`: a home and the binary in it
//! - `first_run`, `chat`: what a person meets first
//! - `failures`: what goes wrong says so, with its own exit code
//! - `fetch`: a model download that is cut off goes on
//! - `gateway`: one a home, and it may be killed at any time
//! - `lab`: plans and fits; `site`: sites

#[cfg(test)]
mod chat;
#[cfg(test)]
mod failures;
#[cfg(test)]
mod fetch;
#[cfg(test)]
mod first_run;
#[cfg(test)]
mod gateway;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod site;
#[cfg(test)]
mod world;
