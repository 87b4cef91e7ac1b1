use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

/// Room beside a kept user for the octets that its presenter made of it, such as those of an
/// answer: made once for as long as the entry is kept, and gone with it. Nobody but the presenter
/// reads them.
///
/// A user who is not kept has no room, and what is made of it is made each time.
#[derive(Clone, Default)]
pub struct Rendition(Option<Arc<dyn AsRef<Room> + Send + Sync>>);

/// What lies in the room, once it was made.
#[derive(Default)]
pub(crate) struct Room(OnceLock<Bytes>);

impl Rendition {
    /// The room in what is kept.
    pub(crate) fn beside(kept: Arc<impl AsRef<Room> + Send + Sync + 'static>) -> Self {
        Self(Some(kept))
    }

    /// What was made before, or what `make` makes now; it has to be a function of the user alone.
    pub fn get_or_make<E>(&self, make: impl FnOnce() -> Result<Bytes, E>) -> Result<Bytes, E> {
        let Some(kept) = &self.0 else {
            return make();
        };
        let Room(room) = (**kept).as_ref();
        if let Some(made) = room.get() {
            return Ok(made.clone());
        }
        let made = make()?;
        // Two at once may each make one; the first is kept.
        Ok(room.get_or_init(|| made).clone())
    }
}

impl fmt::Debug for Rendition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Rendition").finish_non_exhaustive()
    }
}

/// It says nothing that the user does not.
impl PartialEq for Rendition {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Rendition {}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[derive(Default)]
    struct Kept(Room);

    impl AsRef<Room> for Kept {
        fn as_ref(&self) -> &Room {
            &self.0
        }
    }

    fn made(rendition: &Rendition, text: &'static str) -> Bytes {
        let made = rendition.get_or_make(|| Ok::<_, Infallible>(Bytes::from(text)));
        made.unwrap()
    }

    #[test]
    fn it_is_made_once_where_there_is_room() {
        let rendition = Rendition::beside(Arc::<Kept>::default());
        assert_eq!(made(&rendition, "first"), "first");
        assert_eq!(made(&rendition.clone(), "second"), "first");
    }

    #[test]
    fn it_is_made_each_time_where_there_is_none() {
        let rendition = Rendition::default();
        assert_eq!(made(&rendition, "first"), "first");
        assert_eq!(made(&rendition, "second"), "second");
    }

    #[test]
    fn what_could_not_be_made_is_tried_again() {
        let rendition = Rendition::beside(Arc::<Kept>::default());
        assert_eq!(rendition.get_or_make(|| Err("no")), Err("no"));
        assert_eq!(made(&rendition, "first"), "first");
    }
}
