//! Whole turns with a scripted model and the real tools, in a temporary home.

#[cfg(test)]
mod cancelling;
#[cfg(test)]
mod context;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod transcripts;
#[cfg(test)]
mod turns;
#[cfg(test)]
mod world;
