use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Room beside a kept user for what its presenter made of it, such as the octets of an answer:
/// made once for as long as the entry is kept, and gone with it. Nobody but the presenter looks
/// inside.
///
/// A user who is not kept has no room, and what is made of it is made each time.
#[derive(Clone, Default)]
pub struct Rendition(Option<Arc<Room>>);

type Room = OnceLock<Arc<dyn Any + Send + Sync>>;

impl Rendition {
    /// Room for one.
    pub(crate) fn with_room() -> Self {
        Self(Some(Arc::default()))
    }

    /// What was made before, or what `make` makes now; it has to be a function of the user alone.
    pub fn get_or_make<T: Any + Send + Sync, E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        let Some(room) = &self.0 else {
            return make().map(Arc::new);
        };
        let kept = room.get().map(Arc::clone).map(Arc::downcast::<T>);
        if let Some(Ok(kept)) = kept {
            return Ok(kept);
        }
        let made = Arc::new(make()?);
        // Two at once may each make one; either is as good.
        let kept: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(&made);
        let _ = room.set(kept);
        Ok(made)
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

    fn made(rendition: &Rendition, text: &str) -> String {
        let made = rendition.get_or_make(|| Ok::<_, Infallible>(text.to_owned()));
        made.unwrap().as_str().to_owned()
    }

    #[test]
    fn it_is_made_once_where_there_is_room() {
        let rendition = Rendition::with_room();
        assert_eq!(made(&rendition, "first"), "first");
        assert_eq!(made(&rendition.clone(), "second"), "first");
        let other = rendition.get_or_make(|| Ok::<_, Infallible>(7_u8));
        assert_eq!(*other.unwrap(), 7);
    }

    #[test]
    fn it_is_made_each_time_where_there_is_none() {
        let rendition = Rendition::default();
        assert_eq!(made(&rendition, "first"), "first");
        assert_eq!(made(&rendition, "second"), "second");
    }

    #[test]
    fn what_could_not_be_made_is_tried_again() {
        let rendition = Rendition::with_room();
        assert_eq!(rendition.get_or_make(|| Err::<u8, _>("no")), Err("no"));
        assert_eq!(made(&rendition, "first"), "first");
    }
}
