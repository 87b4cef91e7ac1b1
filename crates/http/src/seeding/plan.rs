use std::ops::Range;
use std::time::Duration;

use roster_domain::ports::{SeedBatch, SeedUser};
use roster_domain::{Invalid, Timestamp, UserId};

use super::catalogue::Catalogue;
use super::dice::Dice;
use super::{feeds, ids, profile};

/// Which users are made: the same plan makes the same ones, ids and times included.
pub struct SeedPlan {
    users: u64,
    dice: Dice,
    token_mask: u64,
    catalogue: Catalogue,
}

impl SeedPlan {
    /// The most users of one plan.
    pub const MAX_USERS: u64 = 1_000_000_000;
    /// When the first user may have been created, in microseconds since 1970: 2019-01-01.
    const FIRST_MICROS: u64 = 1_546_300_800_000_000;
    /// The time over which users were created, in microseconds: until 2026-01-01.
    const SPAN_MICROS: u64 = 220_924_800_000_000;

    /// So many users of a seed. Another number, another seed and another `run` make other
    /// users, so that a database can be added to.
    pub fn new(users: u64, seed: u64, run: u32) -> Result<Self, Invalid> {
        if !(1..=Self::MAX_USERS).contains(&users) {
            return Err(Invalid::new(
                "out_of_range",
                "Between 1 and 1000000000 users can be made.",
            ));
        }
        let mut dice = Dice::new(seed, users, run);
        Ok(Self {
            users,
            token_mask: dice.bits(),
            dice,
            catalogue: Catalogue::new()?,
        })
    }

    /// How many there are.
    pub fn users(&self) -> u64 {
        self.users
    }

    /// User number `index`, which counts from 0.
    pub fn user(&self, index: u64) -> Result<SeedUser, Invalid> {
        let (created_at, mut dice) = self.begin(index);
        let token = ids::token(index, self.token_mask);
        let life = (created_at, Self::end());
        Ok(SeedUser {
            user: profile::user(&self.catalogue, created_at, &token, &mut dice)?,
            notifications: feeds::notifications(&self.catalogue, life, &mut dice),
            activities: feeds::activities(&self.catalogue, life, &mut dice),
        })
    }

    /// The id alone of user number `index`.
    pub fn id(&self, index: u64) -> UserId {
        let (created_at, mut dice) = self.begin(index);
        UserId::new(ids::id_at(created_at, &mut dice))
    }

    /// Some users, by number.
    pub fn batch(&self, indices: Range<u64>) -> Result<SeedBatch, Invalid> {
        let users = indices
            .map(|index| self.user(index))
            .collect::<Result<_, _>>()?;
        Ok(SeedBatch { users })
    }

    /// When a user was created, and the dice that decide about the rest. The service grew
    /// steadily, so that the number of users grew as the square of the time.
    fn begin(&self, index: u64) -> (Timestamp, Dice) {
        let mut dice = self.dice.of_user(index);
        let span = u128::from(Self::SPAN_MICROS);
        let place = (u128::from(index) << 16) + u128::from(dice.below(1 << 16));
        let since = (((span * span) >> 16) * place / u128::from(self.users)).isqrt();
        let micros = Self::FIRST_MICROS + u64::try_from(since).unwrap_or(0);
        let created_at = Timestamp::UNIX_EPOCH.plus(Duration::from_micros(micros));
        (created_at, dice)
    }

    fn end() -> Timestamp {
        let micros = Self::FIRST_MICROS + Self::SPAN_MICROS;
        Timestamp::UNIX_EPOCH.plus(Duration::from_micros(micros))
    }
}
