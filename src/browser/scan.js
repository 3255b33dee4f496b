// Looks at the page as a person would: which fields and buttons are shown, and which stage of a login that is.
// No word of a language decides anything: words are only quoted.
const [profile] = arguments;
// What is parked beside the page is for password managers, not for people.
const inPage = (box) => box.right + scrollX > 0 && box.bottom + scrollY > 0;
const shown = (element) => {
  const box = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  return box.width > 0 && box.height > 0 && inPage(box) && style.visibility !== "hidden" && style.display !== "none";
};
const find = (selector) => all.find((element) => element.matches(selector));
const matches = (selectors) => (element) => selectors.some((selector) => element.matches(selector));
const visible = all.filter(shown);
const usable = visible.filter((element) => !element.disabled);
const attribute = (element, name) => (element.getAttribute(name) || "").toLowerCase();
const up = (element) => element.parentElement || element.getRootNode().host || null;
const closest = (element, selector) => {
  for (let at = element; at; at = up(at)) if (at.matches(selector)) return at;
  return null;
};
const formOf = (element) => element.form || closest(element, "form");
const within = (element, outer) => {
  for (let at = element; at; at = up(at)) if (at === outer) return true;
  return false;
};

const inputs = usable.filter((element) => element.matches("input") && !element.readOnly);
const texts = inputs.filter((element) => ["", "text", "email", "tel", "number"].includes(attribute(element, "type")));
const passwords = inputs.filter((element) => attribute(element, "type") === "password");
const named = (element, list) =>
  list.includes(attribute(element, "name")) || list.includes(attribute(element, "id")) || list.includes(attribute(element, "autocomplete"));
const codes = ["one-time-code", "code", "otp", "totp", "token", "passcode", "login_otp"];
const users = ["username", "user", "login", "uidfield", "uid_field", "email", "user_name", "userid", "identifier", "loginname"];
const first = (selectors, pool, semantic) => usable.find(matches(selectors)) || pool.find(semantic);
const code = first(profile.code, inputs, (element) => named(element, codes)) || null;
const password = first(profile.password, passwords, (element) => element !== code) || null;
let user = first(profile.user, texts, (element) => element !== code && named(element, users)) || null;
if (!user && password && texts.length === 1 && texts[0] !== code) user = texts[0];

// A stage is known only if each of its fields is: the others would be left empty, or sent as they are.
const field = password || code || user;
const form = field && formOf(field);
const NO_FIELD = ["hidden", "submit", "button", "image", "reset"];
const fields = usable.filter((element) => !element.readOnly &&
  (element.matches("input") ? !NO_FIELD.includes(attribute(element, "type")) : element.matches("select, textarea, [contenteditable='']")));
const ofStage = fields.filter((element) => !form || formOf(element) === form);
const left = (element) => {
  const name = attribute(element, "name") || attribute(element, "id");
  if (element.matches("select")) return /^(locale|lang|language|kc_locale)$/.test(name);
  if (attribute(element, "type") !== "checkbox") return false;
  return /remember|persist|keep/.test(name) || !(element.required || element.checked);
};
const strange = field ? ofStage.filter((element) => ![user, password, code].includes(element) && !left(element)) : [];
const label = (element) => element.localName + (element.id ? "#" + element.id : element.name ? "[name=" + element.name + "]" : "");

// Where an account is set up, or changed: authentik's stages, Keycloak's required actions, and every new password.
const STAGES = ["identification", "password", "authenticator-validate", "authenticator-validate-code", "authenticator-validate-webauthn",
  "authenticator-validate-duo", "consent", "user-login", "access-denied", "captcha", "redirect", "autosubmit", "flow-error"];
const stages = all.filter((element) => element.localName.startsWith("ak-stage-"));
const PAGES = ["login-login", "login-login-username", "login-login-password", "login-login-otp", "login-login-oauth-grant", "login-error"];
const page = document.body ? document.body.dataset.pageId || "" : "";
const setup = find(SECRETS) || find("#kc-passwd-update-form, #kc-totp-settings-form, #kc-update-profile-form, #kc-update-email-form, " +
    "#kc-idp-review-profile-form, #kc-recovery-codes-settings-form, #kc-webauthn-settings-form, #registerWebAuthn, #kc-accept, " +
    "#kc-terms-text, #kc-verify-email-form, #kc-register-form, input[name=attestationObject], fieldset[name=stages]") ||
  stages.find((element) => element.localName.startsWith("ak-stage-authenticator-") && !element.localName.startsWith("ak-stage-authenticator-validate")) ||
  inputs.find((element) => attribute(element, "autocomplete").split(/\s+/).includes("new-password")) ||
  (passwords.filter((element) => !form || formOf(element) === form).length > 1 ? passwords[1] : null);
const unknown = stages.find((element) => !STAGES.includes(element.localName.slice("ak-stage-".length)));
const sent = /^login-/.test(page) && !PAGES.includes(page.replace(/\.ftl$/, "")) ? page : null;

const buttons = usable.filter((element) => element.matches("button, input[type=submit], input[type=image], [role=button]"));
const submits = buttons.filter((element) => element.matches("[type=submit], button:not([type])"));
const inForm = (list) => list.find((element) => form && (within(element, form) || element.form === form));
const submit = usable.find(matches(profile.submit)) || inForm(submits) || inForm(buttons) || (field ? submits[0] : null) || null;

// Consent is given only where the stage is known by its own element, and asks for nothing else.
const only = (list) => list.length === 1 ? list[0] : null;
const agreeing = () => {
  const consent = find("ak-stage-consent");
  if (consent) return only(submits.filter((element) => within(element, consent)));
  const oauth = find("#kc-oauth");
  if (oauth) return only(submits.filter((element) => within(element, oauth) && attribute(element, "name") === "accept"));
  // dex, the own pages of oidc-provider, and canaille.
  const asks = find("form input[type=hidden][name=approval][value=approve], form input[type=hidden][name=prompt][value=consent]");
  if (asks) return only(submits.filter((element) => formOf(element) === formOf(asks)));
  return only(submits.filter((element) => element.matches("button[name=answer][value=accept]")));
};
const agree = field ? null : agreeing();
const consent = agree && !fields.some((element) => formOf(element) === formOf(agree)) ? agree : null;
// Where authentik asks whether to stay logged in: no.
const forget = !field && find("ak-stage-user-login") ? only(submits.filter((element) => attribute(element, "name") === "forget-me")) : null;
// Which second factor: the clock is the sign of codes by time.
const picker = find("fieldset[name=device-challenges]");
const timed = picker ? buttons.find((element) => within(element, picker) && element.querySelector("i.fa-clock")) : null;

const frames = all.filter((element) => element.matches("iframe")).map((element) => element.src || "");
const captcha = frames.some((src) => /recaptcha|hcaptcha|turnstile/.test(src)) ||
  all.some((element) => element.matches("ak-stage-captcha, .g-recaptcha, .h-captcha, .cf-turnstile"));
const key = find("ak-stage-authenticator-validate-webauthn, ak-stage-authenticator-validate-duo");
// Where authentik takes codes from paper or a message, its field takes letters.
const paper = code && closest(code, "ak-stage-authenticator-validate-code") && attribute(code, "inputmode") === "text" ? code : null;
const denied = find("ak-stage-access-denied, ak-stage-flow-error, #access-denied, #kc-error-message") ||
  (find("#ak-back-home, [data-test-id=card-title]") && !find("ak-flow-executor") ? document.body : null);
const alerts = visible.filter((element) => element.matches(
  "[role=alert], .error, .alert-error, .alert-danger, .pf-m-error, .pf-m-danger, .invalid-feedback, #input-error, .dex-error-box"));
const outer = alerts.filter((element) => !alerts.some((other) => other !== element && within(element, other)));
const said = outer.map(words).filter(Boolean).join(" ");
const quoted = (text) => secret ? "" : text.slice(0, 4000);
return {
  document: String(performance.timeOrigin),
  path: location.pathname,
  ready: document.readyState,
  busy: Boolean(find("ak-loading-overlay")),
  user, password, code, submit, captcha, secret,
  consent: consent || forget,
  choice: timed || null,
  setup: setup ? label(setup) : secret ? "a secret" : null,
  unknown: sent || (unknown ? unknown.localName : null),
  strange: strange.length ? strange.map(label).join(", ") : null,
  other: paper ? "a recovery code" : key ? key.localName : null,
  buttons: buttons.length > 0,
  said: quoted(said),
  words: quoted(spaced),
  denied: denied ? quoted(words(denied) || denied.localName) : null,
};
