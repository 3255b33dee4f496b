//! The HTML that people and browsers see: the provider's login page and the pages of a proxy in front.
//!
//! Every value that came from outside is escaped here.

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <link rel=\"icon\" href=\"data:,\"></head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    )
}

/// The provider's login page. `error` is shown to the user and to assistive technology.
pub(crate) fn login(action: &str, error: Option<&str>) -> String {
    let alert = error.map(|text| format!("<p id=\"error\" role=\"alert\">{}</p>\n", escape(text))).unwrap_or_default();
    let form = format!(
        "{alert}<form method=\"post\" action=\"{}\">\n\
         <p><label for=\"username\">User name</label>\n\
         <input id=\"username\" name=\"username\" type=\"text\" autocomplete=\"username\" required autofocus></p>\n\
         <p><label for=\"password\">Password</label>\n\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required></p>\n\
         <p><button id=\"submit\" type=\"submit\">Sign in</button></p>\n\
         </form>",
        escape(action)
    );
    page("Sign in", &form)
}

/// A page of the provider that says what is wrong with a request.
pub(crate) fn problem(text: &str) -> String {
    page("Something is wrong", &format!("<p id=\"error\" role=\"alert\">{}</p>", escape(text)))
}

/// What a browser sees after a login where the registry has no user interface, and after a logout.
pub(crate) fn signed_out() -> String {
    page("Signed out", "<p>You are signed out.</p>")
}

/// The login page of a proxy that stands in front of the registry.
pub(crate) fn proxy_login() -> String {
    page("Please sign in", "<form method=\"post\" action=\"/sso\"><button type=\"submit\">Continue</button></form>")
}

/// The refusal of a proxy that stands in front of the registry.
pub(crate) fn proxy_forbidden() -> String {
    page("403 Forbidden", "<p>Access is denied by policy.</p>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_from_outside_is_escaped() {
        assert!(!login("/x\"><script>", Some("<b>")).contains("<script>"));
        assert!(login("/x", Some("<b>")).contains("&lt;b&gt;"));
    }
}
