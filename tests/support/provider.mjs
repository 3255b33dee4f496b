// A real OpenID provider with its own login page, for tests: npm `oidc-provider` on loopback.
//
// It is foreign code on purpose: a login that only works with the provider of the lab would prove the lab.
// It must check the password, because a provider that accepts anything hides a broken login.
//
// Arguments: one JSON object on the command line, {modules, client, users, totp_secret, consent}.
// It prints `listening URL` when it is ready; every later line is one event for the log of the test.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const settings = JSON.parse(process.argv[2]);
const { default: Provider } = await import(
  pathToFileURL(path.join(settings.modules, 'oidc-provider/lib/index.js')).href
);

const server = createServer();
// zot posts on a connection that it kept; one that ends in that moment would fail a login for nothing.
server.keepAliveTimeout = 600_000;
await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: settings.client.id,
    client_secret: settings.client.secret,
    redirect_uris: settings.client.redirect_uris,
    grant_types: ['authorization_code'],
    response_types: ['code'],
    token_endpoint_auth_method: 'client_secret_basic',
  }],
  claims: {
    openid: ['sub'],
    email: ['email', 'email_verified'],
    profile: ['preferred_username', 'name', 'groups'],
    groups: ['groups'],
  },
  // zot reads the groups from the ID token as well as from userinfo.
  conformIdTokenClaims: false,
  scopes: ['openid', 'email', 'profile', 'groups'],
  pkce: { required: () => false },
  cookies: { keys: ['only-for-tests'] },
  features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
  interactions: { url: (_context, interaction) => `/login/${interaction.uid}` },
  // Without the consent page, the grant is there before anyone asks.
  loadExistingGrant: async ({ oidc }) => {
    const id = oidc.result?.consent?.grantId ?? oidc.session.grantIdFor(oidc.client.clientId);
    if (id || settings.consent) {
      return id && oidc.provider.Grant.find(id);
    }
    const grant = new oidc.provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId });
    grant.addOIDCScope('openid email profile groups');
    await grant.save();
    return grant;
  },
  findAccount: (_context, id) => {
    const user = settings.users.find(({ name }) => name === id);
    return user && {
      accountId: id,
      claims: () => ({
        sub: id,
        name: id,
        preferred_username: id,
        email: `${id}@example.test`,
        email_verified: true,
        groups: user.groups,
      }),
    };
  },
});
provider.on('server_error', (_context, error) => { console.log(`server_error ${error.stack}`); });
provider.on('authorization.error', (_context, error) => { console.log(`authorization.error ${error.message}`); });
provider.on('grant.error', (_context, error) => { console.log(`grant.error ${error.message}`); });

const serveProvider = provider.callback();
const trueNow = Date.now;
server.on('request', (request, response) => {
  if (request.url === '/tests/groups') {
    readBody(request).then((text) => {
      const { user, groups } = JSON.parse(text);
      settings.users.find(({ name }) => name === user).groups = groups;
      response.writeHead(204).end();
    });
    return;
  }
  // Node keeps its own time for this header.
  response.setHeader('Date', new Date(Date.now()).toUTCString());
  if (request.url === '/tests/clock') {
    readBody(request).then((seconds) => {
      Date.now = () => trueNow() + Number(seconds) * 1000;
      response.writeHead(204).end();
    });
    return;
  }
  if (!request.url.startsWith('/login/')) {
    serveProvider(request, response);
    return;
  }
  serveLogin(request, response).catch((error) => {
    console.log(`login_error ${error.message}`);
    response.writeHead(400, { 'Content-Type': 'text/plain' }).end('this login has ended\n');
  });
});
console.log(`listening ${issuer}`);

// Users who have given their password and still owe the one-time code, by interaction.
const passwordGiven = new Map();

async function serveLogin(request, response) {
  const interaction = await provider.interactionDetails(request, response);
  if (request.method !== 'POST') {
    showStage(response, 200, interaction, '');
    return;
  }
  const form = new URLSearchParams(await readBody(request));
  switch (stageOf(interaction)) {
    case 'password': {
      const user = settings.users.find(({ name }) => name === form.get('login'));
      if (!user || !sameText(user.password, form.get('password') ?? '')) {
        console.log('refused password');
        showStage(response, 401, interaction, 'Wrong user name or password.');
        return;
      }
      if (settings.totp_secret) {
        passwordGiven.set(interaction.uid, user.name);
        response.writeHead(303, { Location: `/login/${interaction.uid}` }).end();
        return;
      }
      await finish(request, response, interaction, { login: { accountId: user.name } });
      return;
    }
    case 'code': {
      if (!codeIsRight(form.get('code') ?? '')) {
        console.log('refused code');
        showStage(response, 401, interaction, 'Wrong code.');
        return;
      }
      const accountId = passwordGiven.get(interaction.uid);
      passwordGiven.delete(interaction.uid);
      await finish(request, response, interaction, { login: { accountId } });
      return;
    }
    default:
      await finish(request, response, interaction, await granted(interaction));
  }
}

function stageOf(interaction) {
  if (interaction.prompt.name === 'consent') {
    return 'consent';
  }
  return passwordGiven.has(interaction.uid) ? 'code' : 'password';
}

function showStage(response, status, interaction, problem) {
  const stage = stageOf(interaction);
  const fields = {
    password: `
      <label>User name <input name="login" id="login" autocomplete="username" autofocus required></label>
      <label>Password <input name="password" id="password" type="password" autocomplete="current-password" required></label>
      <button type="submit" id="submit">Sign in</button>`,
    code: `
      <label>One-time code <input name="code" id="code" inputmode="numeric" autocomplete="one-time-code" autofocus required></label>
      <button type="submit" id="submit">Verify</button>`,
    consent: `
      <p>The registry asks for your name, your address and your groups.</p>
      <input type="hidden" name="prompt" value="consent">
      <button type="submit" id="consent">Allow</button>`,
  }[stage];
  response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' }).end(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sign in</title></head>
<body><main><h1>Sign in</h1>
<p id="problem" role="alert">${problem}</p>
<form method="post" action="/login/${interaction.uid}" data-stage="${stage}">${fields}
</form></main></body></html>
`);
}

async function granted(interaction) {
  const grant = interaction.grantId
    ? await provider.Grant.find(interaction.grantId)
    : new provider.Grant({ accountId: interaction.session.accountId, clientId: interaction.params.client_id });
  const { missingOIDCScope, missingOIDCClaims } = interaction.prompt.details;
  if (missingOIDCScope) {
    grant.addOIDCScope(missingOIDCScope.join(' '));
  }
  if (missingOIDCClaims) {
    grant.addOIDCClaims(missingOIDCClaims);
  }
  return { consent: interaction.grantId ? {} : { grantId: await grant.save() } };
}

function finish(request, response, interaction, result) {
  return provider.interactionFinished(request, response, result, {
    mergeWithLastSubmission: interaction.prompt.name === 'consent',
  });
}

async function readBody(request) {
  let body = '';
  for await (const piece of request) {
    body += piece;
    if (body.length > 10_000) {
      throw new Error('the form is too long');
    }
  }
  return body;
}

function sameText(expected, given) {
  const digest = (text) => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(expected), digest(given));
}

// RFC 6238 with its defaults: SHA-1, six digits, 30 seconds; one step of clock drift either way.
function codeIsRight(given) {
  const step = Math.floor(Date.now() / 30_000);
  return [step - 1, step, step + 1].some((counter) => sameText(code(counter), given));
}

function code(counter) {
  const message = Buffer.alloc(8);
  message.writeBigUInt64BE(BigInt(counter));
  const digest = createHmac('sha1', base32(settings.totp_secret)).update(message).digest();
  const offset = digest[digest.length - 1] & 0xf;
  return String((digest.readUInt32BE(offset) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

// RFC 4648, without padding.
function base32(text) {
  let bits = '';
  for (const letter of text.replace(/=+$/, '').toUpperCase()) {
    bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0');
  }
  return Buffer.from(bits.match(/.{8}/g).map((octet) => Number.parseInt(octet, 2)));
}
