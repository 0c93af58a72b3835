//! Whole sites, built in temporary folders and looked at from outside.

#[cfg(test)]
mod agents;
#[cfg(test)]
mod building;
#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod world;
