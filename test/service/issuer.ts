/** An OpenID issuer whose keys and moods a test sets. */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, exportSPKI, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT } from "jose";

/** A key of the issuer's. */
export interface Signer {
  jwk: JWK;
  /** Its public half as who confuses algorithms would use it. */
  spki: string;
  sign: (claims: Record<string, unknown>, header?: Partial<JWTHeaderParameters>) => Promise<string>;
}

export async function newSigner(kid: string, alg = "ES256"): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return {
    jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" },
    spki: await exportSPKI(publicKey),
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(privateKey),
  };
}

/** Discovery and a JWKS. */
export class TestIssuer {
  /** What is published. */
  keys: JWK[] = [];
  /** How it answers: as it should, with 503, or not before `release`. */
  mood: "well" | "down" | "slow" = "well";
  /** How often its keys were asked for. */
  asked = 0;
  private readonly held: ServerResponse[] = [];

  private constructor(private readonly server: Server) {
    server.on("request", (request, response) => {
      if (request.url === "/jwks") this.asked++;
      if (this.mood === "slow") this.held.push(response);
      else this.answer(request.url ?? "", response);
    });
  }

  static async start(): Promise<TestIssuer> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TestIssuer(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** How many wait. */
  get holds(): number {
    return this.held.length;
  }

  /** Answers whoever was held. */
  release(): void {
    this.mood = "well";
    for (const response of this.held.splice(0)) this.answer(response.req.url ?? "", response);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(path: string, response: ServerResponse): void {
    const pages: Record<string, object> = {
      "/.well-known/openid-configuration": { issuer: this.url, jwks_uri: `${this.url}/jwks` },
      "/jwks": { keys: this.keys },
    };
    const page = this.mood === "down" ? undefined : pages[path];
    response.writeHead(page === undefined ? 503 : 200).end(JSON.stringify(page ?? {}));
  }
}
