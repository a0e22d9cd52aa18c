use serde::{Deserialize, Serialize};

/// Who decides about a circuit: the breaker itself, or an operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitMode {
    /// The breaker decides.
    #[default]
    Auto,
    /// Every call is refused.
    ForcedOpen,
    /// Every call passes. Results are counted, and open nothing.
    ForcedClosed,
    /// Every call passes, and nothing is counted.
    Disabled,
    /// Every call passes. The breaker decides as it would and tells what it decides, and nobody is refused.
    MetricsOnly,
}

impl CircuitMode {
    /// The lower-case name, as configuration and telemetry spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::ForcedOpen => "forced_open",
            Self::ForcedClosed => "forced_closed",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics_only",
        }
    }
}

/// What a circuit does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    /// Calls flow; shortly after closing, only a share of them.
    Closed,
    /// A few calls probe the backend, the others are refused.
    HalfOpen,
    /// Calls are refused.
    Open,
    /// An operator refuses all calls.
    ForcedOpen,
    /// An operator lets all calls pass.
    ForcedClosed,
    /// Switched off.
    Disabled,
    /// It only watches.
    MetricsOnly,
}

impl CircuitState {
    /// The lower-case name, as telemetry spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
            Self::ForcedOpen => "forced_open",
            Self::ForcedClosed => "forced_closed",
            Self::Disabled => "disabled",
            Self::MetricsOnly => "metrics_only",
        }
    }

    /// Whether all or most calls are refused just now.
    pub const fn refuses(self) -> bool {
        matches!(self, Self::Open | Self::HalfOpen | Self::ForcedOpen)
    }
}
