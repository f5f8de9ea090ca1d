/** A build platform, or a cluster: it signs tokens that say which of its workloads this is. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from "jose";

/** Its keys can be found by discovery. Close it. */
export class Platform {
  private constructor(
    private readonly server: Server,
    readonly issuer: string,
    private readonly key: CryptoKey,
  ) {}

  static async start(): Promise<Platform> {
    const { privateKey, publicKey } = await generateKeyPair("RS256");
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: "1", alg: "RS256" }] };
    const server = createServer((request, response) => {
      const isKeys = request.url === "/keys";
      response.end(JSON.stringify(isKeys ? jwks : { issuer, jwks_uri: `${issuer}/keys` }));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return new Platform(server, issuer, privateKey);
  }

  /**
   * A token for a workload, good for five minutes.
   * @param claims in place of the right ones
   */
  token(subject: string, audience: string, claims: object = {}, signer = this.key): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const right = { iss: this.issuer, sub: subject, aud: audience, iat: now, exp: now + 300 };
    return new SignJWT({ ...right, ...claims }).setProtectedHeader({ alg: "RS256", kid: "1" }).sign(signer);
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
