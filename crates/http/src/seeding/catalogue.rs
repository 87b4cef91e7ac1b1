use roster_domain::{FeedKind, Invalid, JsonObject, Locale, NotificationBody, NotificationTitle};

use super::cultures::CULTURES;

/// What many users share, parsed once.
pub(super) struct Catalogue {
    /// The languages of each culture, in the order of [`CULTURES`].
    pub(super) locales: Vec<Vec<Locale>>,
    /// What notifications are about.
    pub(super) messages: Vec<Message>,
    /// What users do.
    pub(super) deeds: Vec<FeedKind>,
    /// What feed rows carry for programs: parsing one for each row would be a third of all the work.
    pub(super) references: Vec<JsonObject>,
}

/// One sort of notification.
pub(super) struct Message {
    pub(super) kind: FeedKind,
    pub(super) title: NotificationTitle,
    pub(super) body: Option<NotificationBody>,
}

const MESSAGES: &[(&str, &str, &str)] = &[
    (
        "invoice.paid",
        "Your invoice is paid",
        "Thank you. The receipt is in your billing folder.",
    ),
    (
        "invoice.due",
        "An invoice is due next week",
        "Nothing needs to be done if a card is on file.",
    ),
    (
        "login.new_device",
        "New sign-in to your account",
        "If this was you, you can ignore this message.",
    ),
    ("team.invited", "You were invited to a team", ""),
    ("team.joined", "Someone joined your team", ""),
    (
        "comment.reply",
        "Someone replied to your comment",
        "“That works for me. Shall we talk on Thursday?”",
    ),
    ("comment.mention", "You were mentioned", ""),
    (
        "report.ready",
        "Your report is ready",
        "It is kept for 30 days.",
    ),
    ("plan.limit", "You have used 80 % of your plan", ""),
    ("export.done", "Your export has finished", ""),
    (
        "news.release",
        "Neuigkeiten: größere Ordner, schnellere Suche",
        "",
    ),
    (
        "news.release",
        "お知らせ：新しい検索が使えるようになりました",
        "",
    ),
];

const DEEDS: &[&str] = &[
    "user.login",
    "user.login",
    "user.login",
    "profile.viewed",
    "profile.updated",
    "file.uploaded",
    "file.shared",
    "comment.created",
    "search.run",
    "team.joined",
    "password.changed",
];

impl Catalogue {
    /// Parses the tables.
    pub(super) fn new() -> Result<Self, Invalid> {
        let locales = CULTURES
            .iter()
            .map(|culture| culture.locales.iter().map(|tag| tag.parse()).collect())
            .collect::<Result<_, Invalid>>()?;
        let messages = MESSAGES
            .iter()
            .map(|(kind, title, body)| {
                let body = Some(*body).filter(|body| !body.is_empty());
                Ok(Message {
                    kind: kind.parse()?,
                    title: title.parse()?,
                    body: body.map(str::parse).transpose()?,
                })
            })
            .collect::<Result<_, Invalid>>()?;
        let deeds = DEEDS
            .iter()
            .map(|kind| kind.parse())
            .collect::<Result<_, Invalid>>()?;
        let references = (1_000..3_000)
            .map(|number| format!(r#"{{"ref":{number}}}"#).parse())
            .collect::<Result<_, Invalid>>()?;
        Ok(Self {
            locales,
            messages,
            deeds,
            references,
        })
    }
}
