//! What a cell for `%timeline` runs with.

use super::Timeline;
use crate::display::display;

/// Records from where it is made and shows the chart when it ends or is dropped, so that
/// the chart is there after a panic, too.
pub struct Recorder {
    timeline: Option<Timeline>,
    is_shown: bool,
}

impl Recorder {
    pub fn begin() -> Recorder {
        Recorder { timeline: Some(Timeline::start()), is_shown: false }
    }

    /// Stops and shows the chart, once.
    pub fn end(&mut self) {
        if let Some(timeline) = self.timeline.as_ref().filter(|_| !self.is_shown) {
            self.is_shown = true;
            display(timeline.stop());
        }
    }

    /// What was recorded, for a variable.
    ///
    /// # Panics
    /// When it is asked for once more.
    pub fn timeline(&mut self) -> Timeline {
        self.end();
        self.timeline.take().expect("generated code asks once")
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.end();
    }
}
