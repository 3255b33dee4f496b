//! A request shape that gets one answer, also against the policy.

/// One request shape, and the answer that it gets whatever the policy says.
#[derive(Clone, Debug, Default)]
pub struct Door {
    /// The method.
    pub method: String,
    /// Path and query as sent; `*` stands for any text.
    pub target: String,
    /// Headers that the request must have, with these values.
    pub headers: Vec<(String, String)>,
    /// Whether only HTTP/1.0 opens it.
    pub http10: bool,
    /// Whether only a request without credentials opens it, or only one with.
    pub anonymous: bool,
    /// The answer's status.
    pub status: u16,
    /// The answer's headers.
    pub answer: Vec<(String, String)>,
    /// The answer's body.
    pub body: String,
}
