import { refusalOf } from "./refusals.js";
import { Status } from "./status.js";

const AGAIN = "the next attempt is made by itself.";
const REGISTERED = "check that the device is registered";

/** What happened, and what to do next. @construction a switch, so that no table lies in RAM */
export const sentenceOf = (status: Status): string => {
  const refusal = refusalOf(status);
  if (refusal !== "") return refusal;
  switch (status) {
    case Status.OK:
      return "Nothing keeps the client from its work.";
    case Status.BUSY:
      return "All places for callers or calls are taken; try again when one has ended, or raise limits.waiters or limits.calls.";
    case Status.CLOSED:
      return "The client was closed; make a new one.";
    case Status.REVOKED:
      return "The token was revoked while it was waited for; ask again if a new one is wanted.";
    case Status.REJECTED:
      return "The app refused a fresh token too; compare its clock, its audience and the key it verifies with.";
    case Status.STALE:
      return "That token was replaced already; ask for the present one.";
    case Status.TOO_LONG:
      return "The request does not fit the send buffer; shorten its arguments or raise limits.sendBytes.";
    case Status.CLOCK_WRONG:
      return "The device's clock is wrong: certificates and tokens are not valid by it; set it, by SNTP or from cloudTimeS.";
    case Status.PUBLISH_REFUSED:
      return "The broker refuses our request; allow the device its request topic, cloud/from/<id>/rpc, and look peerCode up.";
    case Status.SUSPENDED:
      return "The app suspended the client; resume() makes a connection again.";
    case Status.TIMEOUT:
      return "The cloud did not answer in time; check that it runs and reads the request topic, and that the broker's ACLs and size limits let both through.";
    case Status.UNREACHABLE:
      return "No connection could be opened; check the network, and the cloud's host and port.";
    case Status.CONNECTION_LOST:
      return `The connection ended; ${AGAIN} If it ends at once each time, another device may have our id, or the broker forbids our topics.`;
    case Status.HUNG_UP:
      return "The server hung up before it let us in; check that its policy allows our client id, our topic <id>/rpc/# and packets before CONNACK (else cloud.pipeline: false), and which version of MQTT it speaks.";
    case Status.KEEP_ALIVE_TIMEOUT:
      return `The broker did not answer a PINGREQ: the link is dead or stalled; ${AGAIN}`;
    case Status.CONNECT_TIMEOUT:
      return "The broker did not accept the connection in time; check that the port speaks MQTT, over TLS exactly where the device does.";
    case Status.CONGESTED:
      return `The broker sends but takes nothing from us, and the connection was ended; ${AGAIN}`;
    case Status.HOST_UNKNOWN:
      return "The cloud's host name was not resolved; check its spelling, the network and the DNS server.";
    case Status.NO_SOCKET:
      return "This system has no socket left; raise its limit of open files (ulimit -n), or open fewer connections.";
    case Status.VERSION_REFUSED:
      return "The broker does not speak MQTT 3.1.1; use one that does.";
    case Status.CLIENT_ID_REFUSED:
      return `The broker refuses our client id or keep-alive; ${REGISTERED} and tied to the user name, and that limits.keepAliveS is not above the broker's limit.`;
    case Status.SERVER_UNAVAILABLE:
      return `The broker says that it is unavailable; ${AGAIN}`;
    case Status.BAD_CREDENTIALS:
      return `The broker refuses user name or password; ${REGISTERED}, compare its key with the cloud's, and check that the counter rises over reboots.`;
    case Status.NOT_AUTHORIZED:
      return `The broker does not let this device in; ${REGISTERED} and not disabled, and compare its key: some brokers say this of a wrong one too.`;
    case Status.SUBSCRIPTION_REFUSED:
      return "The broker refuses the subscription to the device's own topic; allow it <id>/rpc/#.";
    case Status.SESSION_TAKEN_OVER:
      return "Another client took our client id, and the broker closed this connection; check that no two devices have one id, and that the broker ties it to the user.";
    case Status.QUOTA_EXCEEDED:
      return `The broker says that we send too much or too often; ${AGAIN}`;
    case Status.PACKET_TOO_LARGE:
      return "The broker takes no packet as large as ours; raise its size limit, or shorten what is sent.";
    case Status.SERVER_MOVED:
      return "The broker says that we should use another one; set the host that peerReason names.";
    case Status.METHOD_REFUSED:
      return "The broker does not know the proof auth5; choose another proof, or a broker that has it.";
    case Status.BAD_ARGUMENTS:
      return "The cloud did not understand the arguments; compare the host name with what the cloud expects.";
    case Status.UNAUTHENTICATED:
      return "The cloud asks for a proof that we could not give; compare the key, and set the proof that this cloud wants.";
    case Status.FORBIDDEN:
      return "The cloud does not allow this call to this device; check its role.";
    case Status.NOT_FOUND:
      return "The cloud does not know the method; check that the Auth service runs there.";
    case Status.THROTTLED:
      return "The cloud asks for fewer requests; the call is made again after the time that it named.";
    case Status.UNAVAILABLE:
      return `The cloud is unavailable for now; ${AGAIN}`;
    case Status.CLOUD_ERROR:
      return "The cloud answered with an error of its own; its code is beside this sentence.";
    case Status.BAD_RESULT:
      return "The cloud's answer holds nothing that this call can use; compare the versions of cloud and client.";
    case Status.NOT_ALLOWED:
      return "The cloud's answer is no; refuse it.";
    case Status.TOKEN_TOO_LONG:
      return "The token is longer than limits.tokenBytes; raise it, or have shorter tokens made.";
    case Status.HOST_TOO_LONG:
      return "A host in the list is longer than limits.hostBytes; raise it to see all of them.";
    case Status.FRAME_ORDER:
      return "The cloud put a long result before the id that says whose it is; have the id sent first, or raise limits.tokenBytes.";
    case Status.FOREIGN_ANSWER:
      return "Answers name another src than cloud.address, and were dropped; set cloud.address to what the cloud or the device calls itself, or somebody else answers.";
    case Status.MAC_MISSING:
    case Status.MAC_WRONG:
    case Status.MAC_REPLAYED:
      return "A frame did not prove that it comes from the cloud, and was dropped; compare the key with the cloud's, or somebody else may write to the device's topic.";
    case Status.CHALLENGE_REFUSED:
      return "The cloud offers no digest but weaker ones than SHA-256; have SHA-256 switched on.";
    case Status.EXCHANGE_WRONG:
      return "The cloud did not prove that it knows the device's key, and got nothing more; compare the keys, or somebody answers in its place.";
    case Status.COUNTER_BEHIND:
      return "The device's counter was behind the cloud's; the next connection goes on above it. If that happens often, it keeps no store, or two devices have one key.";
    case Status.TOKEN_UNSEALED:
      return "The cloud sent a token in the clear, though it seals them or the credential's floor wants them sealed, and it was dropped; have the cloud's extension seal switched on, and revoke the token.";
    case Status.WS_REDIRECTED:
      return "The server sends the WebSocket elsewhere, which is not followed; set host, port and path to where it points.";
    case Status.WS_NOT_FOUND:
      return "The server has nothing at the WebSocket's path; compare the path, and have a proxy pass Upgrade on.";
    case Status.WS_REFUSED:
      return "The server refuses to speak WebSocket with us, or ended it because of what we sent; check its port, path and size limits, and what stands in between.";
    case Status.WS_RESPONSE:
      return "The answer to the WebSocket's handshake is not HTTP/1.1 of a reasonable size; check that host and port are those of a web server, with TLS where it wants TLS.";
    case Status.WS_ACCEPT:
      return "The answer did not prove that the server understood the WebSocket's handshake; something in between may answer in its place.";
    case Status.WS_NEGOTIATION:
      return "The server does not speak our subprotocol at this path, or wants an extension; compare the path, and the subprotocol mqtt or clubby.cesanta.com.";
    case Status.WS_FRAME:
    case Status.WS_LENGTH:
    case Status.WS_FRAGMENT:
    case Status.WS_PAYLOAD:
      return "The server broke the WebSocket protocol, and the connection was ended; check what stands in between.";
    case Status.CWT_REFUSED:
      return "The token's MAC is wrong, it is no COSE_Mac0 with HMAC 256/256, or its header or claims are malformed; compare the key given to cwt() with the cloud's.";
    case Status.SEAL_BROKEN:
      return "A sealed record was changed after it was sealed; provision the device anew.";
    case Status.SEAL_MISPLACED:
      return "A sealed record lies in another's place: the flash was changed; provision the device anew.";
    case Status.SEAL_FOREIGN:
      return "The store was sealed with another key; give the seal the key that this device had, or provision it anew.";
    case Status.SEAL_MISSING:
      return "The store holds a secret that is not sealed, which onPlain refuses; provision the device anew.";
    case Status.TLS_FAILED:
      return "The TLS handshake failed; check that the port speaks TLS 1.2 or 1.3, and whether the cloud asks for a certificate.";
    case Status.TLS_CA:
      return "No trust anchor vouches for the cloud's certificate; check that the server sends its whole chain, with every intermediate, and that the device has its root, or somebody stands in between.";
    case Status.TLS_NAME:
      return "The server or its certificate goes by another name; compare the host with the certificate's names, or somebody stands in between.";
    case Status.TLS_ALPN:
      return "The server wants an application protocol that we did not offer; set the link's ALPN to what it expects.";
    case Status.TLS_EXPIRED:
      return "The cloud's certificate has expired; renew it, or set the device's clock.";
    case Status.TLS_NOT_YET_VALID:
      return "The cloud's certificate is not valid yet; set the device's clock, or wait for its first day.";
    case Status.TLS_REVOKED:
      return "The cloud's certificate was revoked; give the cloud a new one.";
    case Status.TLS_PSK_REFUSED:
      return `Device and cloud share no key for TLS-PSK; ${REGISTERED}, compare the keys, and check that the port offers TLS-PSK.`;
    case Status.TLS_CLIENT_REFUSED:
      return "The server refuses the device's certificate, or its policy our client id; check that the device has a certificate, that the cloud trusts its CA, that it is neither expired nor revoked, and that the policy allows the id.";
    case Status.TLS_CRL:
      return "The list of revoked certificates is missing for a CA, or out of date; give the device the CA's present one, or set its clock.";
    default:
      if (status >= Status.CBOR_ADDITIONAL && status <= Status.CBOR_TRUNCATED)
        return `A frame was not well-formed CBOR, and was dropped; ${AGAIN}`;
      return status >= Status.MQTT_PACKET_TYPE
        ? "The broker broke the MQTT protocol, and the connection was ended; check that it is an MQTT 3.1.1 broker."
        : `A frame was malformed, and was dropped; ${AGAIN}`;
  }
};

/** A status by its name, such as `TIMEOUT`. */
export const nameOf = (status: Status): string => Status[status];
