import assert from "node:assert/strict";
import fc from "fast-check";
import { Status } from "../../firmware/status.js";
import { HandshakeReader } from "../../firmware/wire/websocket/handshake.js";
import { everySplit } from "./transcript.js";
import { handshakeOf } from "./websocket-events.js";

const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const STATUS_LINE = "HTTP/1.1 101 Switching Protocols";
const UPGRADE = "Upgrade: websocket";
const CONNECTION = "Connection: Upgrade";
const SEC_ACCEPT = `Sec-WebSocket-Accept: ${ACCEPT}`;
const SEC_PROTOCOL = "Sec-WebSocket-Protocol: mqtt";
const GOOD = [STATUS_LINE, UPGRADE, CONNECTION, SEC_ACCEPT, SEC_PROTOCOL];

const head = (...lines: string[]): string => `${lines.join("\r\n")}\r\n\r\n`;
/** The good answer with one line in the place of another; "" leaves it out. */
const instead = (of: string, line: string): string =>
  head(...GOOD.map((good) => (good === of ? line : good)).filter((good) => good !== ""));
const beside = (...lines: string[]): string => head(...GOOD, ...lines);

/** The reader's verdict, the same at every split. */
function verdict(text: string, subprotocol = "mqtt"): string {
  const bytes = Buffer.from(text, "latin1");
  const read = (windows: Uint8Array[]): string =>
    handshakeOf(windows, new HandshakeReader(Buffer.from(subprotocol), Buffer.from(ACCEPT)));
  const whole = read([bytes]);
  if (bytes.length < 1_000) for (const windows of everySplit(bytes)) assert.equal(read(windows), whole);
  return whole;
}

describe("the server's WebSocket handshake", () => {
  const taken: [name: string, text: string][] = [
    ["in its plainest form", head(...GOOD)],
    ["with its headers in another order", head(STATUS_LINE, ...GOOD.slice(1).reverse())],
    ["with names and tokens in any case", instead(UPGRADE, "uPGRADE: WebSocket")],
    [
      "with Upgrade in a list of connection options",
      instead(CONNECTION, "Connection: Keep-Alive , upgrade,"),
    ],
    [
      "with options in two Connection headers",
      instead(CONNECTION, "Connection: close\r\nConnection: Upgrade"),
    ],
    ["with blanks and tabs around a value", instead(SEC_PROTOCOL, "Sec-WebSocket-Protocol:\t mqtt \t")],
    ["without a reason phrase", instead(STATUS_LINE, "HTTP/1.1 101")],
    ["with an empty reason phrase", instead(STATUS_LINE, "HTTP/1.1 101 ")],
    ["with an empty list of extensions", beside("Sec-WebSocket-Extensions:")],
    ["with a long header that nobody needs", beside(`Content-Security-Policy: ${"x".repeat(2000)}`)],
    ["behind 100 Continue", head("HTTP/1.1 100 Continue") + head(...GOOD)],
    [
      "behind hints of any kind, whatever they hold",
      head("HTTP/1.1 103 Early Hints", "Upgrade: h2c", SEC_ACCEPT, "Sec-WebSocket-Extensions: x") +
        head("HTTP/1.1 199", CONNECTION) +
        head(...GOOD),
    ],
    ["with bytes beyond ASCII in a header that nobody needs", beside("Server: caf\xe9")],
  ];
  for (const [name, text] of taken) {
    it(`is taken ${name}`, () => assert.equal(verdict(text), `OPENED at ${text.length}`));
  }

  it("ends where the frames begin", () => {
    assert.equal(verdict(`${head(...GOOD)}\x88\x00`), `OPENED at ${head(...GOOD).length}`);
  });

  const answered = (code: number): string => head(`HTTP/1.1 ${code} Whatever`, "Content-Length: 0");
  const refused: [name: string, status: Status, text: string][] = [
    ...[300, 301, 302, 303, 307, 308].map((code): [string, Status, string] => [
      `${code}`,
      Status.WS_REDIRECTED,
      answered(code),
    ]),
    ["401", Status.BAD_CREDENTIALS, answered(401)],
    ["403", Status.NOT_AUTHORIZED, answered(403)],
    ["404", Status.WS_NOT_FOUND, answered(404)],
    ["429", Status.SERVER_UNAVAILABLE, answered(429)],
    ["500", Status.SERVER_UNAVAILABLE, answered(500)],
    ["503", Status.SERVER_UNAVAILABLE, answered(503)],
    ...[200, 204, 400, 405, 426].map((code): [string, Status, string] => [
      `${code}`,
      Status.WS_REFUSED,
      answered(code),
    ]),
    ["401 in HTTP/1.0", Status.BAD_CREDENTIALS, head("HTTP/1.0 401 Unauthorized")],
    ["101 in HTTP/1.0", Status.WS_RESPONSE, instead(STATUS_LINE, "HTTP/1.0 101 Switching Protocols")],
    ["a status of two digits", Status.WS_RESPONSE, instead(STATUS_LINE, "HTTP/1.1 10 Short")],
    ["a status of four digits", Status.WS_RESPONSE, instead(STATUS_LINE, "HTTP/1.1 1010")],
    ["HTTP/2", Status.WS_RESPONSE, "HTTP/2 101\r\n\r\n"],
    ["an SSH server", Status.WS_RESPONSE, "SSH-2.0-OpenSSH_9.2p1\r\n"],
    ["a TLS alert", Status.WS_RESPONSE, "\x15\x03\x01\x00\x02\x02\x46"],
    ["a CONNACK", Status.WS_RESPONSE, "\x20\x02\x00\x00"],
    ["lines that end with LF alone", Status.WS_RESPONSE, head(...GOOD).replaceAll("\r", "")],
    ["a CR inside a line", Status.WS_RESPONSE, beside("Server: a\rb")],
    ["a NUL inside a line", Status.WS_RESPONSE, beside("Server: a\0b")],
    ["a folded header", Status.WS_RESPONSE, beside("Server: a", " b")],
    ["a header without a colon", Status.WS_RESPONSE, beside("Server")],
    ["a header without a name", Status.WS_RESPONSE, beside(": nothing")],
    ["a blank before the colon", Status.WS_RESPONSE, beside("Server : a")],
    ["a name that does not end", Status.WS_RESPONSE, beside(`${"x".repeat(200)}: a`)],
    ["a known header of more than 128 bytes", Status.WS_RESPONSE, beside(`Connection: ${"x".repeat(200)}`)],
    ["a head of more than 4 KiB", Status.WS_RESPONSE, beside(...Array(50).fill(`X: ${"y".repeat(100)}`))],
    ["no Upgrade", Status.WS_ACCEPT, instead(UPGRADE, "")],
    ["Upgrade to something else", Status.WS_ACCEPT, instead(UPGRADE, "Upgrade: h2c")],
    ["Upgrade twice", Status.WS_ACCEPT, beside(UPGRADE)],
    ["no Connection", Status.WS_ACCEPT, instead(CONNECTION, "")],
    ["Connection without Upgrade", Status.WS_ACCEPT, instead(CONNECTION, "Connection: keep-alive, Upgraded")],
    ["no Sec-WebSocket-Accept", Status.WS_ACCEPT, instead(SEC_ACCEPT, "")],
    [
      "the Sec-WebSocket-Accept of another key",
      Status.WS_ACCEPT,
      instead(SEC_ACCEPT, "Sec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk="),
    ],
    [
      "Sec-WebSocket-Accept in another case",
      Status.WS_ACCEPT,
      instead(SEC_ACCEPT, `Sec-WebSocket-Accept: ${ACCEPT.toLowerCase()}`),
    ],
    ["Sec-WebSocket-Accept twice", Status.WS_ACCEPT, beside(SEC_ACCEPT)],
    ["a shortened Sec-WebSocket-Accept", Status.WS_ACCEPT, instead(SEC_ACCEPT, SEC_ACCEPT.slice(0, -1))],
    ["no subprotocol", Status.WS_NEGOTIATION, instead(SEC_PROTOCOL, "")],
    ["another subprotocol", Status.WS_NEGOTIATION, instead(SEC_PROTOCOL, "Sec-WebSocket-Protocol: mqttv3.1")],
    ["two subprotocols", Status.WS_NEGOTIATION, instead(SEC_PROTOCOL, `${SEC_PROTOCOL}, wamp`)],
    ["our subprotocol twice", Status.WS_NEGOTIATION, beside(SEC_PROTOCOL)],
    ["an extension", Status.WS_NEGOTIATION, beside("Sec-WebSocket-Extensions: permessage-deflate")],
  ];
  for (const [name, status, text] of refused) {
    it(`is refused with ${Status[status]} for ${name}`, () => {
      const code = text.includes("\r\n") ? (/^HTTP\/1\.\d (\d{3})[ \r]/.exec(text)?.[1] ?? 0) : 0;
      assert.match(verdict(text), new RegExp(`^REFUSED ${Status[status]} ${code} at \\d+$`));
    });
  }

  it("to who asked for no subprotocol is taken without one only (4.1)", () => {
    const without = instead(SEC_PROTOCOL, "");
    assert.equal(verdict(without, ""), `OPENED at ${without.length}`);
    assert.match(verdict(head(...GOOD), ""), /^REFUSED WS_NEGOTIATION 101 /);
  });

  it("never throws and never differs between splits, whatever comes", () => {
    const line = fc.oneof(
      fc.constantFrom(...GOOD, "", "HTTP/1.1 404 Not Found"),
      fc.string({ unit: "binary-ascii" }),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        verdict(head(...lines).slice(0, 900));
      }),
    );
  });
});
