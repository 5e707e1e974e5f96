//! wip
#[path = "draw.rs"]
mod draw;
#[path = "generate.rs"]
mod generate;
pub use generate::scenario;
