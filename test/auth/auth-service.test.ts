/** The documented request and response pairs of the Auth service, literally, through the whole client. */
import assert from "node:assert/strict";
import { generate } from "mqtt-packet";
import { bytesFrom, everySplit, readTranscripts } from "../wire/transcript.js";
import type { Request } from "./peer.js";
import { type Outcome, World } from "./world.js";

/** What stands for every argument. */
const VALUE = "VALUE PLACEHOLDER";
const ID = 123;

/** How each method is called; its frame is the first one, except GetToken's, which needs a token that left. */
const CALLS: Record<string, (world: World) => Outcome> = {
  GenerateToken: (world) => world.get(VALUE),
  GetToken: (world) => world.get(VALUE),
  RevokeToken: (world) => world.revoke(VALUE),
  ListToken: (world) => world.list(),
  Authenticate: (world) => world.authenticate(VALUE, VALUE),
  AuthorizeCommand: (world) => world.authorize(VALUE, VALUE, VALUE),
};

/** A world in which the call was made and its request with id 123 is held, unanswered. */
const asked = (method: string): { world: World; outcome: Outcome; request: Request } => {
  // Before GetToken there are the first GenerateToken, Hello, and the GenerateToken of a host that takes the slot.
  const world = new World({ firstId: method === "GetToken" ? ID - 3 : ID, limits: { slots: 1 } });
  if (method === "GetToken") {
    world.soon(VALUE);
    world.soon("another.example.com");
  }
  world.peer.answer = () => undefined;
  const outcome = CALLS[method](world);
  world.advance(100);
  return { world, outcome, request: world.peer.asked(method).slice(-1)[0] };
};

/** An outcome as the transcripts write it. */
const text = (method: string, outcome: Outcome): string => {
  if (method === "ListToken") return `${outcome.name} hosts=${outcome.hosts.join()}`;
  if (outcome.value !== undefined) return `${outcome.name} value=${outcome.value}`;
  if (outcome.token === undefined) return outcome.name;
  return `${outcome.name} token=${outcome.token} remaining=${outcome.remainingMs}`;
};

describe("the documented Auth service", () => {
  const transcripts = readTranscripts(new URL("../wire/auth-service.md", import.meta.url));

  it("has six methods, each with its pair", () => {
    assert.deepEqual(transcripts.map(({ title }) => title).sort(), Object.keys(CALLS).sort());
  });

  for (const transcript of transcripts) {
    const method = transcript.title;

    it(`${method}: the request is the documented one, byte by byte`, () => {
      const documented = bytesFrom("client", transcript).toString();
      const { request } = asked(method);
      assert.equal(request.packet.payload.toString(), JSON.stringify(JSON.parse(documented)));
    });

    it(`${method}: the documented response at every split comes to ${transcript.events}`, () => {
      const bytes = generate({
        cmd: "publish",
        topic: "device_123/rpc",
        payload: bytesFrom("server", transcript),
        qos: 1,
        messageId: 99,
        dup: false,
        retain: false,
      });
      for (const pieces of everySplit(bytes)) {
        const { world, outcome } = asked(method);
        for (const piece of pieces) world.peer.sendBytes(Buffer.from(piece));
        world.advance(100);
        assert.deepEqual([text(method, outcome)], transcript.events);
        assert.equal(world.client.counters.losses + world.client.counters.malformed, 0);
        world.close();
      }
    });
  }
});
