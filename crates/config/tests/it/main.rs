//! The configuration from outside: real homes in temporary folders.

#[cfg(test)]
mod changes;
#[cfg(test)]
mod fallback;
#[cfg(test)]
mod homes;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod world;
