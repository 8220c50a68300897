//! Looking for something for a moment before sleeping.
//!
//! A short task ends sooner than a thread can be woken, so who waits for one looks for its end
//! for some microseconds first. That is so while there is a processor for each of the two. Where
//! other programs have them, who looks only keeps the other from working: so each that has looked
//! in vain makes the next ones look half as long, and soon not at all, but for one now and then.

use std::num::NonZero;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Before a thread sleeps, it looks for so long. (It does not yield: where others wait for the
/// processor, it would get it back later than one that is woken.)
const LONGEST: Duration = Duration::from_micros(20);
/// So often between two looks at the clock.
const GLANCES: u32 = 16;
/// After so many who have looked in vain nobody looks.
const PATIENCE: u32 = 5;
/// But one of so many.
const AFTER_ALL: u32 = 32;

/// What those have seen who have looked for things of one kind.
pub(crate) struct Experience {
    /// How many in a row have looked in vain.
    misses: AtomicU32,
    /// How many have not looked since.
    passed: AtomicU32,
}

impl Experience {
    pub const fn new() -> Experience {
        Experience { misses: AtomicU32::new(0), passed: AtomicU32::new(0) }
    }

    /// How long to look; `None`: not at all.
    fn advice(&self) -> Option<Duration> {
        let misses = self.misses.load(Ordering::Relaxed);
        if misses < PATIENCE {
            return Some(LONGEST / (1 << misses));
        }
        let passed = self.passed.fetch_add(1, Ordering::Relaxed);
        (passed % AFTER_ALL == AFTER_ALL - 1).then_some(LONGEST)
    }

    fn found(&self) {
        // Threads that only read it keep it in their caches.
        if self.misses.load(Ordering::Relaxed) != 0 {
            self.misses.store(0, Ordering::Relaxed);
        }
    }

    fn missed(&self) {
        let misses = self.misses.load(Ordering::Relaxed);
        self.misses.store((misses + 1).min(PATIENCE), Ordering::Relaxed);
    }
}

/// The looks of a thread before it sleeps.
pub(crate) struct Looks {
    experience: &'static Experience,
    glances: u32,
    span: Option<Duration>,
    until: Option<Instant>,
}

impl Looks {
    pub fn new(experience: &'static Experience) -> Looks {
        Looks { experience, glances: 0, span: None, until: None }
    }

    /// Waits for a moment; says whether to look once more.
    pub fn again(&mut self) -> bool {
        if self.glances == 0 {
            self.span = has_more_cores().then(|| self.experience.advice()).flatten();
        }
        let Some(span) = self.span else { return false };
        std::hint::spin_loop();
        self.glances += 1;
        if !self.glances.is_multiple_of(GLANCES) {
            return true;
        }
        let now = Instant::now();
        if now < *self.until.get_or_insert_with(|| now + span) {
            return true;
        }
        self.experience.missed();
        self.span = None;
        false
    }

    /// It was there.
    pub fn found(&self) {
        // What is there at the first glance says nothing of looking.
        if self.glances > 0 {
            self.experience.found();
        }
    }
}

/// What is looked for is done on another core.
fn has_more_cores() -> bool {
    static CORES: AtomicUsize = AtomicUsize::new(0);
    let mut cores = CORES.load(Ordering::Relaxed);
    if cores == 0 {
        cores = thread::available_parallelism().map_or(1, NonZero::get);
        CORES.store(cores, Ordering::Relaxed);
    }
    cores > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_looks_in_vain_makes_others_look_less() {
        let experience = Experience::new();
        let mut spans = Vec::new();
        for _ in 0..PATIENCE {
            spans.push(experience.advice().expect("there is patience left"));
            experience.missed();
        }
        assert_eq!(spans[0], LONGEST);
        assert!(spans.is_sorted_by(|longer, shorter| longer > shorter), "{spans:?}");
        let advice: Vec<_> = (0..2 * AFTER_ALL).map(|_| experience.advice()).collect();
        assert_eq!(advice.iter().flatten().count(), 2, "{advice:?}");
        experience.found();
        assert_eq!(experience.advice(), Some(LONGEST));
    }

    #[test]
    fn looking_ends() {
        static EXPERIENCE: Experience = Experience::new();
        if !has_more_cores() {
            return;
        }
        let mut looks = Looks::new(&EXPERIENCE);
        while looks.again() {}
        assert!(!looks.again() && looks.glances >= GLANCES);
        assert_eq!(EXPERIENCE.misses.load(Ordering::Relaxed), 1);
        let mut looks = Looks::new(&EXPERIENCE);
        assert!(looks.again());
        looks.found();
        assert_eq!(EXPERIENCE.misses.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn the_first_glance_says_nothing() {
        static EXPERIENCE: Experience = Experience::new();
        EXPERIENCE.missed();
        Looks::new(&EXPERIENCE).found();
        assert_eq!(EXPERIENCE.misses.load(Ordering::Relaxed), 1);
    }
}
