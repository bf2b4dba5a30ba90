// An OAuth 2 server whose token endpoint is LivePerson's. Arguments: folder of node_modules, port.
const [, , modules, port] = process.argv;
const { OAuth2Server } = await import(`${modules}/node_modules/oauth2-mock-server/dist/index.js`);
const endpoints = { token: "/sentinel/api/v2/account/le1/app/token" };
const server = new OAuth2Server(undefined, undefined, { endpoints });
await server.issuer.keys.generate("RS256");
await server.start(Number(port), "127.0.0.1");
