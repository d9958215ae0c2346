//! The doors in the wall, and what each has to do with cooldowns.

use crate::model::Trigger;

/// What a trigger has to do with cooldowns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CooldownRule {
    pub obeys: bool,
    pub starts: bool,
    /// Whether the one it starts stays even if the run comes to nothing: where
    /// triggers are counted, and not what came of them.
    pub keeps: bool,
}

impl CooldownRule {
    /// What people ask for obeys a cooldown and starts one, however late it runs.
    pub const FULL: Self = Self { obeys: true, starts: true, keeps: false };
    pub const COUNTED: Self = Self { keeps: true, ..Self::FULL };
    pub const NONE: Self = Self { obeys: false, starts: false, keeps: false };
}

/// The door in the wall that a trigger came through. Each obeys its own rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// The native API, and with it the console and the command line.
    Native,
    Ops,
    /// The projects of surface 3.5.
    Projects,
    /// The issues of surface 3.3.
    Issues,
    /// The workspaces of surface 3.1.
    Workspaces,
    /// The code of surface 3.2.
    Code,
    /// The integrations of surface 3.4.
    Integrations,
    /// A workspace run, for one of its sources.
    Child,
    Schedule,
    /// A delivery of a forge's webhook.
    Webhook,
}

impl Surface {
    pub fn cooldown_rule(self) -> CooldownRule {
        match self {
            Self::Native | Self::Ops | Self::Workspaces => CooldownRule::FULL,
            Self::Integrations => CooldownRule::COUNTED,
            Self::Projects | Self::Issues | Self::Code | Self::Child | Self::Schedule | Self::Webhook => CooldownRule::NONE,
        }
    }

    /// Whether a cooldown is told of even while something runs.
    pub fn cools_first(self) -> bool {
        self == Self::Workspaces
    }

    pub fn trigger(self) -> Trigger {
        match self {
            Self::Native | Self::Projects | Self::Issues | Self::Code | Self::Workspaces | Self::Integrations => Trigger::Manual,
            Self::Ops => Trigger::Ops,
            Self::Child => Trigger::Workspace,
            Self::Schedule => Trigger::Schedule,
            Self::Webhook => Trigger::Webhook,
        }
    }
}
