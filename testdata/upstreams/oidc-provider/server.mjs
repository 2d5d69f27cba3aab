// The OpenID Provider of npm oidc-provider with its own login pages. ./peers
// runs it as an upstream of the broker.
//
// SIGHUP signs with a new key and goes on publishing the old ones; SIGUSR1
// withdraws them at once, as after a theft; SIGUSR2 is SIGHUP with a key of
// another algorithm. The library takes its keys when it
// is made, so a new provider is put before the same store, as a rolling
// restart would.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { ISSUER, PORT, CLIENT_ID, OTHER_ID, PUBLIC_ID, KEYED_ID, KEYED_JWKS, CLIENT_SECRET, REDIRECT_URIS } = process.env;

const client = (id, alg, auth) => ({
  client_id: id,
  redirect_uris: REDIRECT_URIS.split(' '),
  id_token_signed_response_alg: alg,
  ...auth,
});

// Store is the part of the library's adapter interface that these logins need,
// kept when the provider is made anew.
const kept = new Map();
class Store {
  constructor(model) { this.model = model; }
  key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload) { kept.set(this.key(id), payload); }
  async find(id) { return kept.get(this.key(id)); }
  async findByUid(uid) { return [...kept.values()].find((p) => p.uid === uid && p.kind === this.model); }
  async consume(id) { kept.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { kept.delete(this.key(id)); }
  async revokeByGrantId(grant) {
    for (const [key, payload] of kept) if (payload.grantId === grant) kept.delete(key);
  }
}

const secret = { client_secret: CLIENT_SECRET, token_endpoint_auth_method: 'client_secret_basic' };
const keyed = {
  token_endpoint_auth_method: 'private_key_jwt',
  jwks: JSON.parse(KEYED_JWKS),
  require_pushed_authorization_requests: true,
};
const none = { token_endpoint_auth_method: 'none' };

const cookieKeys = [randomUUID()];
let keys = [];
let handler;

function rotate(alg, withdraw) {
  const { privateKey } = alg === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg };
  keys = [key, ...(withdraw ? [] : keys)];
  const provider = new Provider(ISSUER, {
    clients: [client(CLIENT_ID, alg, secret), client(OTHER_ID, alg, secret), client(PUBLIC_ID, alg, none), client(KEYED_ID, alg, keyed)],
    clientAuthMethods: ['client_secret_basic', 'private_key_jwt', 'none'], // no secret in a body
    adapter: Store,
    jwks: { keys },
    cookies: { keys: cookieKeys },
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
    findAccount: (ctx, sub) => ({
      accountId: sub,
      claims: () => ({ sub, name: '홍길동', email: `${sub}@example.com`, email_verified: true }),
    }),
  });
  provider.proxy = true; // somebody stands before it
  handler = provider.callback();
  console.log('signing with ' + key.kid);
}

rotate('ES256', false);
process.on('SIGHUP', () => rotate('ES256', false));
process.on('SIGUSR1', () => rotate('ES256', true));
process.on('SIGUSR2', () => rotate('RS256', false));
createServer((req, res) => handler(req, res)).listen(Number(PORT), '127.0.0.1', () => console.log('ready ' + ISSUER));
