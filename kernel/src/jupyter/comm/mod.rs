//! Comms: the widgets of controls (`interact`), and what front ends send about them.
//!
//! ```text
//! cell_output ─ Event::Controls ─► Comms::open ─► comm_open (each model), display_data (the view)
//! shell ─ comm_msg ─► Comms::message ─► what has changed ─► controls: Interpreter::call
//!                                                              └─► area: outputs in place
//! ```
//!
//! [`Comms`] knows all that are open and their state, so a page that is loaded again gets it from
//! here. [`widgets`] are the models as ipywidgets has them, [`area`] the place under the cell
//! where each call shows its outputs instead of those of the call before. Comms that a front end
//! opens are closed at once, as the protocol wants it for unknown targets, but for the one by
//! which ipywidgets asks for all states together.

pub mod area;
mod controls;
mod registry;
mod widgets;

pub use registry::Comms;
