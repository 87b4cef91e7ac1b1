use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::try_join_all;
use roster_domain::UserSummary;
use roster_domain::pagination::{FilterHash, Page, PageRequest, UserFilter};
use roster_domain::ports::{StoreError, UserRepository};

use super::Read;

/// Pages of users. One that several callers ask for at the same time is one, shared.
pub(crate) struct Pages(pub(crate) Arc<dyn UserRepository>);

#[async_trait]
impl Read for Pages {
    type Question = (UserFilter, PageRequest);
    type Answer = Arc<Page<UserSummary>>;

    async fn read(&self, asked: &[Self::Question]) -> Result<Vec<Self::Answer>, StoreError> {
        let mut different = HashMap::<UserFilter, Vec<PageRequest>>::new();
        let places: Vec<_> = asked
            .iter()
            .map(|(filter, request)| {
                let requests = different.entry(*filter).or_default();
                let place = requests.iter().position(|other| other == request);
                let place = place.unwrap_or_else(|| {
                    requests.push(*request);
                    requests.len() - 1
                });
                (filter, place)
            })
            .collect();
        let reads = different.iter().map(|(filter, requests)| async move {
            let slices = self.0.list_many(filter, requests).await?;
            let pages = slices.into_iter().zip(requests).map(|(slice, request)| {
                Arc::new(Page::new(request, FilterHash::from(filter), slice))
            });
            Ok((filter, pages.collect::<Vec<_>>()))
        });
        let pages: HashMap<_, _> = try_join_all(reads).await?.into_iter().collect();
        // An answer that is missing is missed by whoever counts them.
        let answers = places
            .into_iter()
            .map_while(|(filter, place)| pages.get(filter)?.get(place).map(Arc::clone));
        Ok(answers.collect())
    }
}
