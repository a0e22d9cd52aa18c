use serde::{Deserialize, Serialize};

/// How much a call matters when there is not enough for everybody.
///
/// One scale for the scheduler and for admission: under pressure the lowest class is shed first.
/// The order is the urgency, so `Priority::Critical > Priority::Background`. The default is `Normal`.
///
/// ```
/// use seawall_core::Priority;
///
/// assert!(Priority::Critical > Priority::Normal);
/// assert_eq!(Priority::default(), Priority::Normal);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Work nobody waits for; the first to go.
    Background,
    /// Work that may be late.
    Low,
    /// Everything not said to be otherwise.
    #[default]
    Normal,
    /// A user waits for it.
    High,
    /// The service is not a service without it; the last to go.
    Critical,
}

impl Priority {
    /// Every class, the most urgent first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Normal, Self::Low, Self::Background];

    /// The lower-case name, as configuration and telemetry spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
            Self::Background => "background",
        }
    }
}
