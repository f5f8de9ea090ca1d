import { Status } from "./status.js";

/** What happened, and what to do next. @construction a switch, so that no table lies in RAM */
export const sentenceOf = (status: Status): string => {
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
      return "The broker does not let us publish our request; allow the device its request topic, cloud/from/<id>/rpc.";
    case Status.TIMEOUT:
      return "The cloud did not answer in time; see that it runs and reads the request topic, and that the broker's ACLs let both through.";
    case Status.UNREACHABLE:
      return "No connection could be opened; check the network, and the cloud's host and port.";
    case Status.CONNECTION_LOST:
      return "The connection ended; the next one is made by itself. If it happens at once each time, another client may use our client id.";
    case Status.KEEP_ALIVE_TIMEOUT:
      return "The broker did not answer a PINGREQ; the link is dead or stalled, and a new one is made by itself.";
    case Status.CONNECT_TIMEOUT:
      return "The broker did not accept the connection in time; see that the port speaks MQTT, over TLS exactly where the device does.";
    case Status.CONGESTED:
      return "The broker sends but takes nothing from us; the connection was ended, and a new one is made by itself.";
    case Status.HOST_UNKNOWN:
      return "The cloud's host name was not resolved; check its spelling, the network and the DNS server.";
    case Status.STORE_FAILED:
      return "The device's store could not be read or written, and without a kept counter no connection is made; check that the store can be written and serves no other client. It is tried again by itself.";
    case Status.CREDENTIAL_MISSING:
      return "There is no credential in the device's store; provision the device, or hand deviceId and credential to createAuth.";
    case Status.CREDENTIAL_BROKEN:
      return "The credential in the device's store is damaged, or of a newer version; provision the device anew.";
    case Status.VERSION_REFUSED:
      return "The broker does not speak MQTT 3.1.1; use one that does.";
    case Status.CLIENT_ID_REFUSED:
      return "The broker refuses the device id as client id; see that it is registered, and tied to the user name.";
    case Status.SERVER_UNAVAILABLE:
      return "The broker says that it is unavailable; the next attempt is made by itself.";
    case Status.BAD_CREDENTIALS:
      return "The broker refuses user name or password; see that the device is registered, compare the key in it with the cloud's, and see that the counter rises over reboots.";
    case Status.NOT_AUTHORIZED:
      return "The broker does not let this device in; see that it is registered and not disabled, and compare its key: some brokers say this of a wrong one too.";
    case Status.SUBSCRIPTION_REFUSED:
      return "The broker refuses the subscription to the device's own topic; allow it <id>/rpc/#.";
    case Status.SESSION_TAKEN_OVER:
      return "Another client connected under our client id, and the broker closed this connection; see that no two devices have one id, and that the broker ties it to the user.";
    case Status.QUOTA_EXCEEDED:
      return "The broker says that we send too much or too often; the next attempt is made by itself, later.";
    case Status.SERVER_MOVED:
      return "The broker says that we should use another one; set its host.";
    case Status.METHOD_REFUSED:
      return "The broker does not know the proof auth5; choose another proof, or a broker that has it.";
    case Status.BAD_ARGUMENTS:
      return "The cloud did not understand the arguments; compare the host name with what the cloud expects.";
    case Status.UNAUTHENTICATED:
      return "The cloud asks for a proof that we could not give; compare the key, and set the proof that this cloud wants.";
    case Status.FORBIDDEN:
      return "The cloud does not allow this call to this device; check its role.";
    case Status.NOT_FOUND:
      return "The cloud does not know the method; see that the Auth service runs there.";
    case Status.THROTTLED:
      return "The cloud asks for fewer requests; the call is made again after the time that it named.";
    case Status.UNAVAILABLE:
      return "The cloud is unavailable for now; the call is made again by itself.";
    case Status.CLOUD_ERROR:
      return "The cloud answered with an error of its own; its code is beside this sentence.";
    case Status.BAD_RESULT:
      return "The cloud's answer holds nothing that this call can use; compare the versions of cloud and client.";
    case Status.TOKEN_TOO_LONG:
      return "The token is longer than limits.tokenBytes; raise it, or have shorter tokens made.";
    case Status.HOST_TOO_LONG:
      return "A host in the list is longer than limits.hostBytes; raise it to see all of them.";
    case Status.FRAME_ORDER:
      return "The cloud put a long result before the id that tells whose it is; have the id sent first, or raise limits.tokenBytes.";
    case Status.MAC_MISSING:
    case Status.MAC_WRONG:
    case Status.MAC_REPLAYED:
      return "A frame did not prove that it comes from the cloud, and was dropped; compare the key with the cloud's, or somebody else may write to the device's topic.";
    case Status.CHALLENGE_REFUSED:
      return "The cloud offers a digest other than SHA-256, which would be weaker than the key deserves; have SHA-256 switched on.";
    case Status.PROOF_EXPOSED:
      return "This proof gives the key to whoever reads a link that does not verify the cloud; use counter+mac or a verified link, or set allowInsecure to accept that.";
    case Status.FRAMES_UNPROVED:
      return "This proof covers the connection only: on a link that does not verify the cloud a relay could speak on; add +mac, or verify the cloud.";
    case Status.LINK_UNPROVED:
      return "The proof link needs a link that proves the device: TLS with a client certificate, or TLS-PSK.";
    case Status.PROOF_UNFIT:
      return "The proof auth5 needs MQTT 5; give createAuth that transport, or choose another proof.";
    case Status.EXCHANGE_WRONG:
      return "The cloud did not prove that it knows the device's key, and was told nothing more; compare the keys, or somebody answers in its place.";
    case Status.COUNTER_BEHIND:
      return "The device's counter is behind the cloud's, as after a lost store; the cloud is asked for it, and the next connection goes on above it. If that happens again and again, two devices share one key: give each its own.";
    case Status.PROOF_BELOW_FLOOR:
      return "The proof is weaker than the device's credential allows; choose a stronger one, or have the floor lowered by provisioning.";
    case Status.LINK_BELOW_FLOOR:
      return "The link is weaker than the device's credential allows; use TLS as it was provisioned, or have the floor lowered by provisioning.";
    case Status.WS_REDIRECTED:
      return "The server sends the WebSocket elsewhere, which is not followed; set host, port and path to where it points.";
    case Status.WS_NOT_FOUND:
      return "The server has nothing at the WebSocket's path; compare the path with the server's.";
    case Status.WS_REFUSED:
      return "The server refuses to speak WebSocket with us, or ended it because of what we sent; see that its port, path and size limits fit.";
    case Status.WS_RESPONSE:
      return "The answer to the WebSocket's handshake is not HTTP/1.1 of a reasonable size; see that host and port are those of a web server, with TLS where it wants TLS.";
    case Status.WS_ACCEPT:
      return "The answer did not prove that the server understood the WebSocket's handshake; something between us and the server may answer in its place.";
    case Status.WS_NEGOTIATION:
      return "The server does not speak our subprotocol at this path, or wants an extension; compare the path, and the subprotocol mqtt or clubby.cesanta.com.";
    case Status.WS_FRAME:
    case Status.WS_LENGTH:
    case Status.WS_FRAGMENT:
    case Status.WS_PAYLOAD:
      return "The server broke the WebSocket protocol, and the connection was ended; see what stands between us and the server.";
    case Status.CWT_REFUSED:
      return "The token's MAC is wrong, it is no COSE_Mac0 with HMAC 256/256, or its header or claims are malformed; compare the key given to cwt() with the one that the cloud makes tokens with.";
    case Status.TLS_FAILED:
      return "The TLS handshake failed; see that the port speaks TLS 1.2 or 1.3, and whether the cloud asks for a certificate.";
    case Status.TLS_CA:
      return "No trust anchor vouches for the cloud's certificate; give the device the CA that issued it, or somebody stands in between.";
    case Status.TLS_NAME:
      return "The cloud's certificate is for another name; compare the host with the names in it, or somebody stands in between.";
    case Status.TLS_EXPIRED:
      return "The cloud's certificate has expired; renew it, or set the device's clock.";
    case Status.TLS_NOT_YET_VALID:
      return "The cloud's certificate is not valid yet; set the device's clock, or wait for its first day.";
    case Status.TLS_REVOKED:
      return "The cloud's certificate was revoked; give the cloud a new one.";
    case Status.TLS_PSK_REFUSED:
      return "Device and cloud share no key for TLS-PSK; see that the device is registered, compare the keys, and see that the port offers TLS-PSK.";
    case Status.TLS_CLIENT_REFUSED:
      return "The cloud does not take the device's certificate; see that it was given one, that the cloud trusts its CA, and that it is neither expired nor revoked.";
    case Status.TLS_CRL:
      return "The list of revoked certificates is missing for a CA, or out of date; give the device the CA's present one, or set its clock.";
    default:
      if (status >= Status.CBOR_ADDITIONAL && status <= Status.CBOR_TRUNCATED)
        return "A frame was not well-formed CBOR, and was dropped; the call is made again by itself.";
      return status >= Status.MQTT_PACKET_TYPE
        ? "The broker broke the MQTT protocol, and the connection was ended; see that it is an MQTT 3.1.1 broker."
        : "A frame was malformed, and was dropped; the call is made again by itself.";
  }
};

/** A status by its name, such as `TIMEOUT`. */
export const nameOf = (status: Status): string => Status[status];
