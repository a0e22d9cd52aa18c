use std::sync::{Mutex, PoisonError};

use super::format::Batch;

/// Emptied batches of a run, for whichever job needs one next.
///
/// Batches are large, and jobs begin and end on many threads: memory that each gave back to the allocator would stay
/// with the thread it came from, and a run of many sources would grow with their number.
#[derive(Debug)]
pub(crate) struct Spares {
    most: usize,
    batches: Mutex<Vec<Batch>>,
}

impl Spares {
    /// Keeps `most` batches at the most.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, batches: Mutex::new(Vec::new()) }
    }

    /// A batch for rows of `width` cells.
    pub(crate) fn take(&self, width: usize) -> Batch {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = batches.iter().position(|batch| batch.rows.width() == width);
        fitting.map_or_else(|| Batch::new(width), |at| batches.swap_remove(at))
    }

    /// Takes a batch back.
    pub(crate) fn give(&self, batch: Batch) {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        if batches.len() == self.most {
            // Of another width, most likely: the one that waited longest goes.
            batches.remove(0);
        }
        batches.push(batch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_of_the_right_width_is_used_again_and_few_are_kept() {
        let spares = Spares::new(2);
        for width in [1, 2, 3] {
            spares.give(Batch::new(width));
        }
        assert_eq!(spares.batches.lock().unwrap().len(), 2);
        assert_eq!(spares.take(3).rows.width(), 3);
        assert_eq!(spares.take(7).rows.width(), 7);
        assert_eq!(spares.batches.lock().unwrap().len(), 1);
    }
}
