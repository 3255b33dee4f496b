// Looks at the page as a person would: which fields and buttons are shown, in open shadow roots too.
const [profile] = arguments;
const all = [];
const walk = (root) => {
  for (const element of root.querySelectorAll("*")) {
    all.push(element);
    if (element.shadowRoot) walk(element.shadowRoot);
  }
};
walk(document);
// What is parked beside the page is for password managers, not for people.
const inPage = (box) => box.right + scrollX > 0 && box.bottom + scrollY > 0;
const words = (root) => [...root.childNodes].map((node) => {
  if (node.nodeType === Node.TEXT_NODE) return node.data;
  return node.nodeType === Node.ELEMENT_NODE && !node.matches("style, script") ? words(node.shadowRoot || node) : "";
}).join(" ").replace(/\s+/g, " ").trim();
const shown = (element) => {
  const box = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  return box.width > 0 && box.height > 0 && inPage(box) && style.visibility !== "hidden" && style.display !== "none" && !element.disabled;
};
const matches = (selectors) => (element) => selectors.some((selector) => element.matches(selector));
const visible = all.filter(shown);
const attribute = (element, name) => (element.getAttribute(name) || "").toLowerCase();
const inputs = visible.filter((element) => element.matches("input") && !element.readOnly);
const texts = inputs.filter((element) => ["", "text", "email", "tel", "number"].includes(attribute(element, "type")));
const named = (element, list) =>
  list.includes(attribute(element, "name")) || list.includes(attribute(element, "id")) || list.includes(attribute(element, "autocomplete"));
const codes = ["one-time-code", "code", "otp", "totp", "token", "passcode", "login_otp"];
const users = ["username", "user", "login", "uidfield", "uid_field", "email", "user_name", "userid", "identifier", "loginname"];
const first = (selectors, pool, semantic) => visible.find(matches(selectors)) || pool.find(semantic);
const code = first(profile.code, inputs, (element) => named(element, codes)) || null;
const password = first(profile.password, inputs, (element) => attribute(element, "type") === "password" && element !== code) || null;
let user = first(profile.user, texts, (element) => element !== code && named(element, users)) || null;
if (!user && password && texts.length === 1 && texts[0] !== code) user = texts[0];
const buttons = visible.filter((element) => element.matches("button, input[type=submit], input[type=image], [role=button]"));
const submits = buttons.filter((element) => element.matches("[type=submit], button:not([type])"));
const field = password || code || user;
const form = field && field.closest("form");
const inForm = (list) => list.find((element) => form && (form.contains(element) || element.form === form));
const submit = visible.find(matches(profile.submit)) || inForm(submits) || inForm(buttons) || (field ? submits[0] : null) || null;
const label = (element) => (element.innerText || element.value || "").trim().toLowerCase();
const agrees = /^(continue|allow|authori[sz]e|accept|grant( access)?|approve|agree|yes|consent|confirm|weiter|zulassen)\b/;
const agreeing = submits.filter((element) => agrees.test(label(element)));
const consent = !field && agreeing.length === 1 ? agreeing[0] : null;
const frames = all.filter((element) => element.matches("iframe")).map((element) => element.src || "");
const captcha = frames.some((src) => /recaptcha|hcaptcha|turnstile/.test(src)) ||
  all.some((element) => element.matches("ak-stage-captcha, .g-recaptcha, .h-captcha, .cf-turnstile"));
const other = all.find((element) => element.matches(
  "ak-stage-authenticator-validate-webauthn, ak-stage-authenticator-validate-duo"));
const denied = all.find((element) => element.matches("ak-stage-access-denied, #access-denied"));
const alerts = all.filter((element) => element.matches(
  "[role=alert], .error, .alert-error, .alert-danger, .pf-m-error, .pf-m-danger, .invalid-feedback, #input-error, .dex-error-box"));
const said = alerts.map((element) => (element.innerText || element.textContent || "").trim()).filter(Boolean).join(" ");
return {
  document: String(performance.timeOrigin),
  path: location.pathname,
  ready: document.readyState,
  user, password, code, submit, consent, captcha,
  other: other ? other.localName + (other.id ? "#" + other.id : "") : null,
  said: said.slice(0, 4000),
  denied: denied ? (words(denied.shadowRoot || denied) || denied.localName).slice(0, 4000) : null,
};
