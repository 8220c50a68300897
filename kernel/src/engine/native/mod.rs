

pub mod build;
pub mod dependencies;
pub mod dependency_spec;
pub mod prelude;
pub mod toolchain;

#[cfg(test)]
mod building_tests;
