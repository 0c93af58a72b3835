//! The four tools through the registry: real folders, real files, real commands.

#[cfg(test)]
mod bash;
#[cfg(test)]
mod confinement;
#[cfg(test)]
mod edit;
#[cfg(test)]
mod read;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod world;
#[cfg(test)]
mod write;
