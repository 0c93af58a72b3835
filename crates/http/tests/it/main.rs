//! The client against real sockets: every cause of failure told apart, streams, redirects, downloads.

#[cfg(test)]
mod causes;
#[cfg(test)]
mod downloads;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod server;
