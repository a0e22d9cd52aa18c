use crate::report::number::tick;

/// How values become heights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// As they are.
    Linear,
    /// Every power of ten as high as the one before; from 0 to 1 as they are.
    ///
    /// For what is tens with one policy and tens of thousands with another.
    Logarithmic,
}

impl Scale {
    /// The height of a value of at least 0.
    pub(super) fn height(self, value: f64) -> f64 {
        match self {
            Self::Logarithmic if value > 1.0 => 1.0 + value.log10(),
            _ => value,
        }
    }

    /// What stands beside the axis at a height.
    pub(super) fn tick(self, height: f64) -> String {
        tick(match self {
            Self::Logarithmic if height > 1.0 => 10_f64.powf(height - 1.0),
            _ => height,
        })
    }

    /// From one tick to the next, for heights up to this.
    pub(super) fn step(self, greatest: f64) -> f64 {
        match self {
            Self::Linear => step(greatest, 5.0),
            Self::Logarithmic => step(greatest, 8.0).max(1.0),
        }
    }

    /// How the axis is called.
    pub(super) fn name(self, unit: &str) -> String {
        match self {
            Self::Linear => unit.to_owned(),
            Self::Logarithmic => format!("{unit} (log scale)"),
        }
    }
}

/// A round distance that parts the whole into no more than so many.
pub(super) fn step(whole: f64, parts: f64) -> f64 {
    let least = whole / parts;
    let magnitude = 10_f64.powf(least.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * magnitude);
    round.into_iter().find(|step| *step >= least * 0.999).unwrap_or(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_stand_at_round_numbers() {
        for (whole, parts, expected) in
            [(90.0, 12.0, 10.0), (130.0, 12.0, 20.0), (1.0, 5.0, 0.2), (880.0, 5.0, 200.0)]
        {
            assert!(
                (step(whole, parts) - expected).abs() < 1e-9,
                "{whole} in {parts}: {}",
                step(whole, parts)
            );
        }
    }

    #[test]
    fn on_a_logarithmic_scale_powers_of_ten_are_even_and_nothing_is_zero() {
        let heights = [0.0, 0.5, 1.0, 10.0, 100.0, 100_000.0].map(|value| Scale::Logarithmic.height(value));
        let expected = [0.0, 0.5, 1.0, 2.0, 3.0, 6.0];
        assert!(
            heights.iter().zip(expected).all(|(height, expected)| (height - expected).abs() < 1e-9),
            "{heights:?}"
        );
        assert_eq!(
            [0.0, 1.0, 2.0, 5.0].map(|height| Scale::Logarithmic.tick(height)),
            ["0", "1", "10", "10k"]
        );
    }
}
