// What every look at a page starts with: all its elements, what a person reads, and whether it shows a secret of an account.
// Shadow roots and slots are followed as the browser draws them.
const all = [];
const walk = (root) => {
  for (const element of root.querySelectorAll("*")) {
    all.push(element);
    if (element.shadowRoot) walk(element.shadowRoot);
  }
};
walk(document);
// A slot shows what was assigned to it, else its own content; a slot outside of a shadow tree is a plain element.
const drawn = (node) => {
  if (node.shadowRoot) return node.shadowRoot.childNodes;
  if (node.localName !== "slot") return node.childNodes;
  const assigned = node.assignedNodes({ flatten: true });
  return assigned.length ? assigned : node.childNodes;
};
const read = (root, gap, keep) => [...drawn(root)].map((node) => {
  if (node.nodeType === Node.TEXT_NODE) return node.data;
  return node.nodeType === Node.ELEMENT_NODE && !node.matches("style, script, template") && keep(node) ? read(node, gap, keep) : "";
}).join(gap);
const words = (root) => read(root, " ", () => true).replace(/\s+/g, " ").trim();
const legible = document.body ? read(document.body, "", () => true) : "";
// The elements by which known providers show a new secret: authentik, Keycloak.
const SECRETS = "input[name=otp_uri], qr-code, ul.token-list, #kc-totp-secret-qr-code, #kc-totp-secret-key, " +
  "input[name=totpSecret], #kc-recovery-codes-list, input[name=generatedRecoveryAuthnCodes], " +
  "ak-stage-authenticator-totp, ak-stage-authenticator-static";
const uri = /otpauth(-migration)?:/i;
// Four or more words of letters and digits that no language has, or a key in base32 (RFC 4648), with or without gaps.
const random = (word) => /^(?=.*\d)(?=.*[a-z])[a-z\d]{8,}$/i.test(word) || /^(?=.*\d)[a-z\d]{4,}(-[a-z\d]{4,})+$/i.test(word);
const spaced = document.body ? words(document.body) : "";
const keys = spaced.split(" ").filter(random).length >= 4 || /(^|\s)(?=\S*\d)[A-Z2-7]{16,}=*(\s|$)/.test(spaced) ||
  /(^|\s)(?=[A-Z2-7 ]*[2-7])([A-Z2-7]{4} ){3,}[A-Z2-7]{1,4}(\s|$)/.test(spaced);
const bears = (element) => [...element.attributes].some((attribute) => uri.test(attribute.value)) ||
  (element.matches("input, textarea") && uri.test(element.value)) ||
  [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && uri.test(node.data));
// A script may know the scheme; what it shows is in other elements.
const secret = keys || uri.test(legible) ||
  all.some((element) => element.matches(SECRETS) || (!element.matches("script, style, template") && bears(element)));
