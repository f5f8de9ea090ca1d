/** Each sentence of SECURITY.md, and the tests that hold what it promises. */
import { heldBy, type Page, type Test, table } from "./pages.js";
import { sentencesOf } from "./sentences.js";

/** What a sentence says that promises nothing. */
const MEANING = "says what is meant";
const ADVICE = "advice";
const LIMIT = "a limit: what is not given";
const FOREIGN = "a fact of others' software or hardware";

/** The tests of a sentence, or why it has none. */
export type Held = readonly Test[] | string;

// biome-ignore format: a table
const ROWS: readonly (readonly [sentence: string, held: Held])[] = [
  ["What motekey promises, what it cannot promise, and on which engine.", MEANING],
  ["\"The cloud\" is the service that gives out tokens; \"the link\" is the connection to it.", MEANING],
  ["Which test holds each sentence: [docs/promises.md](docs/promises.md).", MEANING],
  ["Please open a private security advisory at the place where this repository is hosted; not a public issue.", ADVICE],
  ["Say which version, which engine, and how to see it.", ADVICE],
  ["A failing test is the best report.", ADVICE],
  ["Do not send real credentials: a device made by the mock cloud shows the same.", ADVICE],
  ["The latest release is the one that gets fixes.", ADVICE],
  ["**A MAC on every frame, both ways** (`mac`; `counter+mac` is the default on a link that does not verify the server).", [["proof/mac", "signs every frame as its definition says, with sequences that rise from 0"], ["policy", "takes the strongest proof that the link allows where none is named"]]],
  ["The method, the arguments, the direction and the sequence are bound to the device's PSK; a changed, repeated, older or reflected frame is refused, and the device takes no result before its MAC has been checked.", [["host-sim/open-broker", "our frames, changed on their way, are refused"], ["host-sim/open-broker", "our own frames, sent back to us, are refused: the direction is in the MAC"], ["proof/mac", "allows gaps, and refuses a repeat and an older one"], ["auth/session", "takes no answer without a MAC, nor one with a wrong one"]]],
  ["The hosts of a list are the exception: `listTokens` tells them as they come, provisionally, and only OK, which follows the check, makes them the cloud's.", [["host-sim/lists", "with a wrong MAC ends with MAC_WRONG: the hosts that it told were provisional"]]],
  ["Neither the PSK nor a key made from it is sent.", [["host-sim/canary", "in a whole life under {proof}"]]],
  ["**Counters never go back.**", [["store/counter-block", "hands out only counters above all before, over any boots, cuts and failures"]]],
  ["A connect proof or a MAC session with a counter that the cloud has seen is refused.", [["cloud/connections", "a counter password is accepted once, and then only a higher one"], ["cloud/mac", "a session is refused whose counter was used, also in another connection"]]],
  ["The mock cloud has it on the disk before it answers, refuses where it cannot, and after a backup was put back begins a new epoch ([docs/cloud.md](docs/cloud.md#the-folder)).", [["cloud/durable", "they are on the disk before CONNACK, over MQTT 3.1.1, MQTT 5 and WebSocket"], ["cloud/durable", "by the limit of a file's size: refuses the connection and says so"], ["cloud/durable", "a restored backup begins a new epoch, each time: nothing that was accepted since is taken"]]],
  ["**Nobody speaks on a connection that he only relays.**", [["host-sim/relay", "gets no token for its own frame: {proof}, {version}, {path}"]]],
  ["`counter` and `auth5` prove a connection, not what is sent on it.", [["host-sim/relay", "gets one where the cloud was told that every device verifies it: so the option warns"]]],
  ["Alone they need a link that verifies the server, or `allowInsecure`; and the cloud, which cannot see whether a device verified it, takes no frame without a proof of its own after them, whatever the link.", [["policy", "{proof} goes over {LinkSecurity[lowest]} and better, and nothing less"], ["policy", "allowInsecure lets the key be read and the frames be forged, and proves no link"], ["host-sim/relay", "gets no token for its own frame: {proof}, {version}, {path}"]]],
  ["`requireFrameProof: false` gives that up, for a cloud whose devices all verify it; `true` asks for it after certificates, TLS-PSK and `password` too.", [["host-sim/relay", "gets one where the cloud was told that every device verifies it: so the option warns"], ["cloud/frame-proofs", "a proven connection needs none, unless the cloud requires one"]]],
  ["**No bearer proof without a word.**", [["policy", "createAuth throws with the status and what to do, before a connection is opened"]]],
  ["`password` and `key` send the PSK itself.", [["host-sim/canary", "the key is in frames under key only, and in CONNECT under password only"]]],
  ["On a link that does not verify the server they need `allowInsecure`, and `explain()` says so for as long as it is set.", [["policy", "{proof} goes over {LinkSecurity[lowest]} and better, and nothing less"], ["auth/ends", "say what everybody who reads the link learns"]]],
  ["**A verified link is verified whole** (Node's `TlsLink`).", [["host-sim/tls", "{what}: {outcome}"]]],
  ["The chain, the dates, the name and, where given, the lists of revoked certificates are checked before a byte of ours leaves.", [["host-sim/tls", "{what}: {outcome}"]]],
  ["Under TLS-PSK no certificate is accepted in place of the key, and keys go with SHA-256 suites only; the cloud takes the identity of the key that ended the handshake, and resumes no session there.", [["host-sim/tls", "{what}: {outcome}"], ["cloud/tls", "TLS 1.3 with a suite of another hash, in which the key would not count, is refused"], ["cloud/tls", "the key of one is no proof of another: CONNACK 5 ({version})"], ["cloud/tls", "no session is resumed: each handshake names its key ({version})"]]],
  ["**No downgrade, from outside or by settings.**", [["host-sim/open-broker", "a forged Hello or challenge talks us into no weaker proof: every frame of ours keeps its MAC"], ["policy", "a floor of proof refuses every weaker one on every link, whatever else is allowed"]]],
  ["One table says which proof may go over which link (`firmware/policy.ts`); a credential's floor of proof and link cannot be undercut by an option, and the stored credential's floor holds beside that of a `credential` in the options.", [["policy", "{proof} goes over {LinkSecurity[lowest]} and better, and nothing less"], ["credential", "holds to the floor that was provisioned"], ["credential", "keeps the floor of the store beside a credential in its options: the stricter of both holds"]]],
  ["A floor that is misspelt is refused, by `createAuth` and by `writeCredential`, as any option is that the closed table of names and values does not have (`firmware/options.ts`).", [["credential", "refuses the floor {JSON.stringify(floor)} in its options"], ["credential", "is not written with the floor {JSON.stringify(floor)}"], ["options/firmware", "credential.*: each misspelt name and each wrong type is refused by its name"]]],
  ["A peer cannot talk the device into a weaker proof: MD5 challenges are refused, a broker that skips the exchange of `auth5` is left, and falling back from MQTT 5 to 3.1.1 changes the version, never the proof.", [["host-sim/open-broker", "an MD5 challenge is refused, and nothing is answered to it (digest)"], ["host-sim/mqtt5", "auth5 gives nothing to a broker that lets it in without the exchange, or plays another's challenge"], ["host-sim/mqtt5", "auth5 never falls back"]]],
  ["**`auth5`: the cloud proves itself first**, and both nonces and the client id are under one MAC each way; a recording opens nothing.", [["proof/exchange", "says nothing to a challenge with one wrong bit, to its own answer, or to another's"], ["host-sim/mqtt5", "an eavesdropper's replay of auth5 does not get in"]]],
  ["**A token belongs to one host.**", [["auth/tokens", "of one app is never given to another"]]],
  ["It is never given out for another host, after its life, or after a revocation that the device knows of, over reboots too where it has a store; a late answer does not bring a revoked token back.", [["auth/tokens", "of one app is never given to another"], ["auth/refresh", "ends when its lifetime is over, counted from the sending and not from the answer"], ["auth/power.deep", "or that crashes, sleeps and revokes in any order, hands out no token that is revoked or over"], ["auth/revocation", "is not undone by a late answer: that leads to one more RevokeToken, and to no token"]]],
  ["Its life runs on the monotonic clock from the moment the request was sent: no wall clock lengthens it.", [["auth/refresh", "ends when its lifetime is over, counted from the sending and not from the answer"], ["auth/refresh", "is neither lengthened nor shortened by a wall clock that steps by 50 years"]]],
  ["**Bounded by construction.**", [["budget/budget.deep", "for slots and chunk bytes of what a device does over and over"]]],
  ["All memory is taken at the start.", [["budget/budget.deep", "for slots and chunk bytes of what a device does over and over"]]],
  ["Input of any length and depth is read through fixed windows and held to limits; malformed input ends in a status number, never in an exception, and a broken connection protocol closes the connection.", [["fuzz/fuzz", "{name}: no throw, no write outside, no endless loop, the same events whatever the split"], ["auth/protocol", "{what}: {status}"], ["auth/answers", "is told host by host through a window of 512 bytes"]]],
  ["**Secrets stay in byte arrays**, are compared in a number of steps that does not depend on where they differ, are wiped when a slot is given up and at `close()`, and do not appear in logs, errors, statuses or `explain()`.", [["proof/text", "tells equal from different wherever one bit differs, in the same number of reads"], ["auth/slots", "is wiped when its token leaves"], ["host-sim/wipe", "no key, token or digest is left of a whole life ({proof})"], ["host-sim/canary", "in a whole life under {proof}"]]],
  ["Tests put canaries into every secret and search all output for them.", [["host-sim/canary", "in a whole life under {proof}"]]],
  ["**Secrecy of what is sent on an unverified link.**", LIMIT],
  ["`mac` and `counter` prove; they do not hide.", LIMIT],
  ["On plain TCP, and on TLS that does not verify the server, anyone on the path can *read* a token in a reply and use it until it expires or is revoked.", [["auth/ends", "say what everybody who reads the link learns"]]],
  ["Keep lifetimes short there, or use a verified link.", ADVICE],
  ["Encrypting the token field is planned, not built.", LIMIT],
  ["**The connection itself, on an unverified link.**", LIMIT],
  ["A counter password works once, so an eavesdropper cannot log in with it later.", [["host-sim/attacks", "our whole connection, replayed byte for byte, ends at CONNACK (counter+mac)"]]],
  ["Who relays it actively holds the connection that it opened: he can drop and delay frames, not forge them, and read and write the topics of the app's own messages (`motekey/messages`), which have no MAC.", [["host-sim/relay", "cannot put a frame into a MAC session ({proof}, {transport.name})"]]],
  ["**The other proofs.**", MEANING],
  ["`password`, `key`, what it leaves open: bearer secrets: who reads one once *is* the device from then on. Over verified TLS only", [["host-sim/canary", "the key is in frames under key only, and in CONNECT under password only"], ["policy", "{proof} goes over {LinkSecurity[lowest]} and better, and nothing less"]]],
  ["`password` in frames over WebSocket, what it leaves open: it stands in the handshake's `Authorization`, which servers and proxies behind the TLS may log. A `counter` there is good once; `mac` alone sends neither", [["auth/websocket", "puts a password into the handshake as HTTP Basic, and a counter anew each time"]]],
  ["`counter`, `auth5`, what it leaves open: prove the connection; on a link that does not verify the server what follows can be replaced: add `+mac` there", [["host-sim/relay", "gets one where the cloud was told that every device verifies it: so the option warns"]]],
  ["`digest`, what it leaves open: for the mg-rpc dialect: binds neither method nor arguments, and replies are not authenticated. Not where `mac` can be had", [["proof/digest", "is what its definition says, for every name, realm, key, nonce and count"]]],
  ["none, what it leaves open: only where the link proves both sides", [["policy", "{proof} goes over {LinkSecurity[lowest]} and better, and nothing less"], ["host-sim/relay", "cannot put a byte in where the link proves both ends (link, {way})"]]],
  ["**A weak PSK.**", LIMIT],
  ["All proofs but a client certificate rest on it.", [["policy", "a device without a key says so unless the link proves it"]]],
  ["A PSK of 32 random bytes cannot be guessed from recorded traffic; a word that a person chose can, offline and at leisure.", LIMIT],
  ["The keys are derived by HKDF, which does not slow guessing down.", [["crypto/hmac", "agrees with Node for all lengths of key and purpose"]]],
  ["Use one PSK per device.", ADVICE],
  ["**A revocation between handshakes.**", LIMIT],
  ["A certificate that is revoked ends no connection that is open, and a device learns of a revoked cloud only by the list it was given.", LIMIT],
  ["Node's `TlsLink` resumes no session past the end of a certificate that was checked when it began, and none at all where it has lists; Moddable's link resumes none.", [["host-sim/tls", "is resumed until a certificate ends that was looked at when it began ({version})"], ["host-sim/tls", "is not resumed past a list of revoked certificates ({version})"], ["engines/moddable-tls", "a second connection offers no session of the first: its handshake is a whole one"]]],
  ["A cloud that resumes sessions asks for no certificate then; the mock cloud forgets its sessions when its certificates or lists change.", [["cloud/tls", "are resumed, and still tell whose certificate began them ({version})"], ["cloud/tls", "are not resumed with a certificate that was revoked since ({version})"]]],
  ["**Availability.**", LIMIT],
  ["Who controls the path can always cut it.", LIMIT],
  ["Backoff, jitter and `retry_after` keep a fleet from making an outage worse; they cannot end it.", [["auth/backoff", "spreads 200 devices after an outage: no storm"], ["auth/backoff", "names the time before which nothing is asked, with our jitter on top"]]],
  ["**The broker.**", LIMIT],
  ["That holds for each port and protocol of the same server: on NATS a user that is not held to MQTT reads everybody's messages over NATS' own protocol; Erlang's ports of RabbitMQ belong to this machine alone.", [["host-sim/brokers-ports", "nobody logs in over NATS' own protocol by a name alone"], ["host-sim/brokers-ports", "a device's certificate does not speak NATS' own protocol over the WebSocket port"], ["host-sim/brokers-ports", "has Erlang's port mapper on this machine's own address only"]]],
  ["Who has a certificate, password or key of the cloud's user is the cloud to the broker; only `mac` frames are beyond him.", LIMIT],
  ["A broker that asks the cloud (`hook`) lets in whom the cloud's own broker would, under a client id that is the user name, and to the same topics; a password that is good once it has to ask about once, so that nothing may remember its answers.", [["host-sim/hook-rabbitmq", "a password that was recorded lets nobody in, nor does one under another's name or client id"], ["host-sim/hook-rabbitmq", "a device without TLS logs in by counter+mac, and has its tokens: RabbitMQ asks once for one connection"], ["cloud/hook", "a client id is that of its user; a login that names none is none of MQTT, and refused"], ["cloud/hook", "a device has its own topics"]]],
  ["Who else can ask can guess as at the broker, and tell right passwords from wrong ones: beyond this machine the cloud answers only who shows a secret or a certificate.", [["cloud/hook-access", "on another address asks for a secret or a certificate, and is not started without"], ["cloud/hook-access", "takes nothing but a POST of the right type, below its own paths, from who shows the secret"], ["cloud/hook-access", "believes a broker by its certificate, and by that of nobody else"]]],
  ["What devices show as passwords is readable between broker and cloud without TLS.", LIMIT],
  ["A device that is barred is refused when it connects; the broker does not end the connection that it has.", [["host-sim/hook-rabbitmq", "a device that was revoked is refused, whatever it asks for"]]],
  ["A broker without a limit of its own lets a device send megabytes: the attached cloud reads no packet of more than 1 MiB, closes the connection and comes back after a second, so that such a device can hold up the others.", [["cloud/attach", "a device's message of 40 MB costs a connection, which is reported, and the cloud comes back"]]],
  ["What a broker retained is no request.", [["cloud/attach", "a request that the broker retained is carried out when it comes, and not again at a start of the cloud"]]],
  ["(Hardened samples, and what each broker cannot do: [host-sim/samples](host-sim/samples/README.md).)", [["host-sim/brokers", "the four methods of a device pass ({proofs})"], ["host-sim/brokers-ports", "listens with TLS only"]]],
  ["It must bind a user to its topics and its client id to its user name; otherwise one device can speak as another (where frames have no MAC) or throw another off the broker.", [["host-sim/brokers", "that publishes {retain ? \"and retains \" : \"\"}on our topics is heard by nobody"], ["host-sim/brokers", "that names our client id does not take our connection"]]],
  ["The MAC makes the first fail, not the second.", [["host-sim/open-broker", "a forged token for a request that it saw is refused: the real one arrives"]]],
  ["**Flash.**", LIMIT],
  ["What is kept is for one device, cloud and key, by 32 bits of a digest in each record of a host, a revocation or a token: others drop it, a revocation that the cloud does not know of yet, too (`counters.recordsDropped`); have the cloud revoke when you replace a key.", [["auth/bound", "after it was provisioned anew with {what}, serves nobody: each token is asked for, and none is left in flash"], ["auth/bound", "with a revocation among it, ends no token of {what}"], ["auth/bound", "begins with a digest of whom it is for, as RECORD.md tells"]]],
  ["It is not sealed yet.", LIMIT],
  ["Without flash encryption, who holds the device can read the credential (`motekey-cred…`), and the token of a device that is in deep sleep; a token is in flash from `close()` to the next boot only, is taken out before it is used, and its bytes may lie in the slot that does not count until the next write about its host.", [["credential", "lies there as RECORD.md tells"], ["auth/sleep", "writes twice for a sleep: the token goes into the store, and out"], ["auth/sleep", "does not use a token that it cannot take out of the store: a crash would give it that life again"]]],
  ["A revocation overwrites them at once, or `revokeToken` returns STORE_FAILED; erased flash may still hold older copies that the platform has not cleared.", [["auth/owed", "is in flash when revokeToken returns, and no token with it"], ["auth/owed", "that the store does not take is reported at once, carried out all the same, and kept when the store is mended"]]],
  ["A credential that was replaced lies beside the new one until the next is written.", [["credential", "is the latest that was written; the one before lies beside it"]]],
  ["Who can write the flash can change all of it: the check is against power cuts, not against people.", LIMIT],
  ["What was consumed of a token's life is kept with it, and after a crash or a sleep of unknown length the cloud is asked before a token is used; an app that gives a `sleptMs` too small lengthens the life by that much.", [["auth/sleep", "serves its token without a question, with no more left of it than is so"], ["auth/sleep", "asks the cloud after a crash, whatever the app says of the time"]]],
  ["A counter that starts again at a lower number, after an old flash image was put back or where there is no store, is refused by the cloud.", [["host-sim/recovery", "is back after one question, and a token follows, over {road} ({proof})"]]],
  ["The device then asks for the highest one as `<id>-recover`, a principal that may do nothing else; the answer is bound by a MAC to its nonce and to the device, and never lowers a counter.", [["host-sim/recovery", "a recovery's principal reads and writes its own two topics only, and calls one method"], ["proof/recover", "refuses the answer to another key, id, nonce or counter, and any changed character"], ["auth/recovery", "never goes back: of its counter and the cloud's the higher one counts"]]],
  ["What is replayed there takes nobody's place.", [["host-sim/recovery", "what was recorded is worth nothing: its answer is refused, and it takes nobody's place"]]],
  ["Where a device's randomness repeats after a lost store, an old answer delays it until its next question, five minutes at most.", [["auth/recovery-answers", "an old one to a nonce that repeats is refused, and the next question is the wait of a refusal away"]]],
  ["Two devices with one key take turns, which the cloud counts and reports; it cannot tell them from one that restarts all the time without a store.", [["host-sim/recovery", "two devices with one key take turns, which the cloud reports"]]],
  ["**Side channels.**", LIMIT],
  ["Compares of secrets do not stop early.", [["proof/text", "tells equal from different wherever one bit differs, in the same number of reads"]]],
  ["Beyond that nothing is claimed about timing, power or radiation: an interpreter or a compiler at run time decides what really runs.", LIMIT],
  ["**Wiping is an effort, not a guarantee.**", LIMIT],
  ["Byte arrays that are ours are overwritten.", [["host-sim/wipe", "no key, token or digest is left of a whole life ({proof})"]]],
  ["A collector that moves objects may have left older copies; the engine, its socket buffers, the network stack and TLS keep their own, for a time that nobody states.", LIMIT],
  ["A core dump, a heap snapshot or a debugger shows everything.", LIMIT],
  ["**Strings cannot be wiped.**", LIMIT],
  ["A PSK given as a string in the options stays in memory until it is collected, and perhaps longer.", LIMIT],
  ["Give it as a `Uint8Array`, and overwrite yours afterwards.", [["host-sim/wipe", "a key that was given as bytes is wiped where it lay"]]],
  ["**There is no privacy inside the engine.**", LIMIT],
  ["Other code in the same app can read every field.", LIMIT],
  ["Code that you do not trust does not belong in it.", ADVICE],
  ["The table says what each engine gives.", MEANING],
  ["TLS verifies the server, Moddable XS: by motekey's own check (TLS 1.2, see below), by date too: set the clock before", [["engines/moddable-tls", "{status} is told of {name}"], ["engines/moddable-tls", "TLS_EXPIRED is told of an authority that has expired, and nothing is sent"]]],
  ["TLS verifies the server, Espruino: **no, never**: treat TLS as plain TCP. Never send a bearer proof", [["engines/espruino-tls", "gets one from a server that nobody vouches for too: the engine verifies none"], ["engines/espruino-tls", "refuses the proof {proof}, since a link that verifies nobody does not bear it"]]],
  ["TLS verifies the server, Node: yes, unless you switch it off", [["host-sim/tls", "{what}: {outcome}"]]],
  ["TLS-PSK, Moddable XS: no", LIMIT],
  ["TLS-PSK, Espruino: no", LIMIT],
  ["TLS-PSK, Node: yes", [["host-sim/tls", "{what}: {outcome}"]]],
  ["randomness, Moddable XS: from `esp_random` on ESP32; the Linux simulator repeats its numbers at every start: not for real credentials", FOREIGN],
  ["randomness, Espruino: a fixed seed at each boot: the adapter mixes in the stored counter and the device's secret", [["engines/espruino-store", "seeds random numbers with the credential and the counter, where clock and chance are alike"]]],
  ["randomness, Node: the system's", FOREIGN],
  ["storage, Moddable XS: `preference` erases before it writes, unencrypted unless NVS encryption is on; a cut within NVS's own erase of a sector may lose values or bring older ones back, a revoked token among them (RECORD.md); on the Linux desktop one file for all, which a cut can lose", [["auth/power.deep", "while NVS erases a sector may lose any values or get older ones back, its own and others', and works on"], ["engines/moddable-store", "{store} on flash chips: power cut after any byte harms no value but the one being written"]]],
  ["storage, Espruino: old values stay readable in flash until `compact()`, during which a cut of power may lose any value", [["engines/espruino-store", "leaves a replaced value in flash until it is compacted, which keeps all others"]]],
  ["storage, Node: files that one process has for itself, on the disk when written: their permissions are all there is", [["host-sim/store", "is one process's: another one is told which has it, until that ends, by whatever means"]]],
  ["else, Moddable XS: constant tables lie in ROM; the debug build's xsbug link shows all memory", FOREIGN],
  ["else, Espruino: on Wi-Fi builds for ESP32 a Telnet console is open by default: switch it off", FOREIGN],
  ["else, Node: no isolation from other packages in the process: mind your dependencies", LIMIT],
  ["**TLS on Moddable.**", MEANING],
  ["The SDK's TLS (8.2.3), as `tlssocket`, `fetch` and its MQTT client use it, can be led past its check of the server: it takes a stranger's certificate with the right name when any certificate that the authority signed stands behind it, a device's too; it takes a key exchange whose signature names no algorithm; it looks neither at what a certificate may be used for nor at whether an issuer may issue; and it keeps sessions of the whole app in one cache.", FOREIGN],
  ["Do not send bearer tokens over it.", ADVICE],
  ["`ModdableTlsLink` uses its record layer and arithmetic only: it offers one suite, checks the chain itself (`tls/chain.ts`), makes sure that each key exchange was checked, and keeps no sessions.", [["adapters/moddable-certificate", "takes a server that its authority vouches for, alone or with the authority behind it"], ["adapters/moddable-extensions", "that is {what}: {expected}"], ["engines/moddable-tls", "a key exchange whose signature was taken away gets no answer"], ["engines/moddable-tls", "a second connection offers no session of the first: its handshake is a whole one"]]],
  ["Tests show each of these attacks refused.", [["adapters/moddable-certificate", "refuses a stranger's certificate in front of a good chain"], ["adapters/moddable-certificate", "refuses a device's certificate as a server's, and as an authority"], ["engines/moddable-tls", "a key exchange whose signature was taken away gets no answer"]]],
  ["It does not look at revocation lists: an authority for brokers only, and short lifetimes, stand in for them.", LIMIT],
  ["On targets other than ESP32 and ESP8266 the SDK's random numbers are C's `rand`: hand `entropy` in, or its keys can be foretold.", FOREIGN],
  ["The private key lies readable in memory and, without flash encryption, in flash.", LIMIT],
  ["The entropy port is part of the proof: nonces that repeat make a MAC session depend on the counter alone.", LIMIT],
  ["**Kept**: tokens, those for other audiences too, a service account's secret, and the user name and password of who logged in with them, sealed with AES-256-GCM (random IV, the account bound in) in a file of mode 0600 that is replaced whole; the key is in the system's keychain.", [["tools/store", "no secret can be read in the file, which only its owner may touch"], ["tools/vault", "does not open cut short, for another account, or with another key"], ["tools/store", "kill -9 at any moment of a save leaves the old file or the new one"], ["tools/keychain", "keeps a key; without it the file opens nobody's login; the tokens are in neither in clear"]]],
  ["A file that is a link, another user's, or that others may write is refused, and so is one whose readable tokens others can read; of a token that was put in by hand a warning says so.", [["tools/store", "a symbolic link is refused, for reading and for writing"], ["tools/store", "another user's file is refused, for reading and for writing"], ["tools/store", "a file that others may write is refused"], ["tools/store", "readable tokens that others can read are refused; of a token written by hand people are warned"]]],
  ["Such a token goes before every login: `login` warns of it, `status` and `whoami` name it, and `logout` removes it.", [["tools/by-hand", "login warns that it goes before the login, and names what removes it"], ["tools/by-hand", "status and whoami say that it is in use"], ["tools/by-hand", "'auth logout' removes it with the default login, and says what stays good"], ["tools/by-hand", "'motekey {line}' removes it where there is no login, and asks first without --force"]]],
  ["It is for the login that names it: others stay sealed, and the next login without it seals that one again.", [["tools/login", "--insecure-storage is for the login that names it: others stay sealed, and the next login seals it again"]]],
  ["`logout --all --clear` removes the key too, and works where the keychain lost it or is locked: what cannot be unsealed is then not ended at the provider, which is said.", [["tools/keychain", "one that lost its key can be left: 'logout --all --clear' erases all, says what is not ended, and logs in again"], ["tools/keychain", "a locked one can be left too: the key stays there, which is said, and opens nothing"]]],
  ["`--insecure-storage` keeps tokens readable in that file, and then no password and no client's secret.", [["tools/store", "with insecure storage the tokens are readable for the owner, passwords and clients' secrets are not kept"]]],
  ["Of a workload the path of its token's file is kept, not the token; that file must be this user's or root's, and nobody else may write it.", [["tools/workload", "keeps the file's path and never its token, which no output holds either"], ["tools/workload", "a file {what} is refused, and nothing is asked"], ["tools/workload", "a file of another user is refused"]]],
  ["Other programs of the same user can ask the keychain as well.", LIMIT],
  ["**The browser's answer** is taken on 127.0.0.1 or ::1 only, from a redirect only, with the right `state`; `iss`, nonce, audience, end and signature of the ID token are checked before anything is kept.", [["tools/security", "the callback takes a browser's redirect only: no other path, method, host name or origin"], ["tools/security", "the callback listens on the loopback only, and no longer than the login"], ["tools/security", "an answer {name} is refused"], ["tools/security", "an ID token with {name} is refused"], ["tools/security", "an ID token with a wrong signature is refused"]]],
  ["**Not shown**: passwords, client secrets, keys, tokens and codes become asterisks in all output, whoever made the text, also where they are cut, quoted or encoded; `auth token` prints the token that it was asked for.", [["tools/secrets", "within any text, in any form: gone (property)"], ["tools/secrets", "cut by us or by a library: what is left of it goes too"], ["tools/secrets", "'motekey {line}' at a provider that says all it hears"], ["tools/secrets", "'motekey {line}' with a kept login, at a provider that says all it hears"], ["tools/secrets", "the slip 'motekey {line}'"], ["tools/errors", "{code}: 'motekey {line}' tells it with its exit status and the next step"], ["tools/process", "no output, no child's environment and no command line of a child holds one"], ["tools/secrets", "'motekey auth token' prints the token that was asked for, and nothing else does"], ["tools/secrets", "nothing writes to a stream but the output, which knows the secrets, the questions, the copied code, and help"]]],
  ["A secret of one to three characters goes where something quotes it, a cut may leave three characters, and a name that is also a password is shown.", [["tools/secrets", "of 1 to 3 characters: where it is quoted, and never in the words of a sentence"], ["tools/secrets", "that is a name which is shown by design is shown, and so is a name that is a part of one"]]],
  ["No child gets a secret, save the token that `auth exec` gives.", [["tools/process", "no output, no child's environment and no command line of a child holds one"], ["tools/process", "'auth exec' hands its child the token, and no other secret"]]],
  ["`--password` and `--client-secret` are seen by everybody on the machine, and say so.", [["tools/login", "by flags, with a warning"], ["tools/login", "with its secret, by flag (with a warning) or by MOTEKEY_CLIENT_SECRET"]]],
  ["**A directory's `.motekey.json`** may name a team, never a provider, a file or a command.", [["tools/session", "a directory's file names a team and nothing else: an issuer or a command in it is ignored and told"]]],
  ["**`doctor`** prints names, numbers and codes, never a token, password or key; of a proxy the host only.", [["tools/doctor", "no finding holds a token, a password or a key"], ["tools/doctor", "with a proxy that is set: a note; a problem where the cloud is out of reach"]]],
  ["A device's record that was handed in is not trusted: it is bounded, its text loses what would drive a terminal, and one that is no record is never quoted.", [["tools/doctor-record", "never prints a control character of the file, nor its sentences"], ["tools/doctor-record", "the file {path}"]]],
  ["A certificate that is not believed is looked at, and nothing is sent to who showed it.", [["tools/doctor", "that is not believed: whoever showed it is sent a handshake and nothing else"]]],
  ["With `--device` it takes the device's place at the broker, and without TLS uses up a counter: its page says both.", [["docs/cli", "{file} is what its source says; 'npm run docs' makes it anew"], ["tools/doctor-device", "with a counter that was used: device_bad_credentials, whose next step names the counter"]]],
  ["**Whose it is**: what is kept belongs to one issuer, by the name in its discovery document, and to one client.", [["tools/belongs", "an issuer is the name in its document: another name is refused, another spelling is the same"], ["tools/belongs", "a password goes to its client only"]]],
  ["A password, a client's secret, a key, a token or a team's client id is offered to no other, also after a logout.", [["tools/belongs", "a password goes to its issuer only: 'auth login --issuer OTHER {flags}', also after logout"], ["tools/belongs", "a client's secret goes to its issuer only, also one from the environment"], ["tools/belongs", "a client's key signs for its issuer only"], ["tools/belongs", "tokens go to their issuer only: kept, from the environment, from the file, and piped in"], ["tools/belongs", "a team's client for people goes to its issuer only"]]],
  ["Credentials in the environment go to the issuer in `MOTEKEY_ISSUER` only, where that is set.", [["tools/belongs", "credentials in the environment go to the issuer there only, though --issuer names another"]]],
  ["A team's issuer changes only by a login that names both.", [["tools/belongs", "changes when a login there was asked for by name, and its client with it"], ["tools/belongs", "stays when nobody named the team, which is said with the way to change it"]]],
  ["**An account** is a subject at an issuer by a client; one name in two places is two accounts, and neither takes the other's place.", [["tools/accounts", "of one e-mail address at two issuers are two, told apart by the issuer, each with its own token"], ["tools/accounts", "of one user by two clients are two, told apart by the client"]]],
  ["No account becomes the default unasked and unsaid.", [["tools/logout", "without names ends the default account, and names the others"], ["tools/login-places", "one login per team and account, many side by side; a new one is the default, unless --keep-default"]]],
  ["**What is over is ended**: a login that replaces another asks the provider to end it (RFC 7009, the refresh token first), and so does `auth logout`.", [["tools/accounts", "a login that replaces another ends its tokens at the provider ({flags})"], ["tools/logout", "ends the tokens at the provider and here"]]],
  ["What could not be ended is said, kept sealed, and tried again by the next logout; `--insecure-storage` keeps nothing for that.", [["tools/accounts", "where a replaced login could not be ended a line says so, and 'logout --all' ends it"], ["tools/accounts", "a logout while the provider is away is made good by 'logout --all', though no account is left"], ["tools/accounts", "--clear forgets what could not be ended; readable in a file it is never kept"]]],
  ["Of rotated refresh tokens the last 100 are ended too; where there were more, logout says so.", [["tools/accounts", "of rotated refresh tokens none stays good after a logout"], ["tools/accounts", "a provider that leaves rotated refresh tokens good: 'logout --all' ends each, and says where it could not"]]],
  ["**Between revocation and end**: whoever copied an access token can use it until the provider ends it; a JWT is good until its own end for those who check its signature only, and `auth logout` says until when.", [["tools/accounts", "an access token that is a JWT is told with its end: at logout, and of a login that is replaced"]]],
  ["**What is said of a login is what its provider says**: `auth status` asks, and calls nothing valid that it could not ask about, unless `--offline` trusts the clock.", [["tools/checked", "of garbage in MOTEKEY_AUTH_TOKEN: never exit 0"], ["tools/checked", "with the provider out of reach: not checked, exit 1; --offline trusts the clock"]]],
  ["A signature alone does not show a revocation.", LIMIT],
  ["A login that the provider refuses is marked and used no more.", [["tools/checked", "is noticed by '{line}', marked, listed as ended, and made good by 'auth login'"]]],
  ["`host-sim` is for development and tests.", MEANING],
  ["It keeps PSKs in memory or in a plain file, can be told to misbehave by design (it forges, drops, doubles and delays), has no rate limits against guessing, and listens without TLS unless it is given a certificate.", [["cloud/registry", "has a device as soon as addDevice resolves, is for its owner only, and its lock alone lies beside it"], ["cloud/faults", "doubleReplies delivers a reply twice, byte for byte, also under a MAC"]]],
  ["Its identity provider keeps passwords as scrypt hashes, but client secrets, signing keys and the tokens of running logins as they are (`identity.json`, `logins.json`, mode 0600); it accepts the password grant, which OAuth 2.1 has dropped, and can be told to sign wrong claims.", [["identity/folder", "is for its owner only, and holds no password"], ["identity/refresh", "by user name or address and password: an ID token, too"], ["identity/faults", "an ID token with other claims has a right signature, and is refused for what it says"]]],
  ["Do not put it on a network that you do not control, do not give it credentials of real devices, and accept no token signed by it outside of tests.", ADVICE],
];

/** What each sentence is held by. */
export const PROMISES: ReadonlyMap<string, Held> = new Map(ROWS);

/** The page docs/promises.md. @param security what SECURITY.md holds @throws where a sentence has no row */
export function promisesPage(security: string): Page {
  const parts = [
    "# What holds each promise",
    "Each sentence of [SECURITY.md](../SECURITY.md), with the tests that hold it. `npm run docs` makes this page of `test/docs/promises.ts`; a sentence without a row fails the tests, and so does a row without its sentence or its test.",
  ];
  const sections = new Map<string, string[][]>();
  for (const { section, text } of sentencesOf(security)) {
    const held = PROMISES.get(text);
    if (held === undefined) throw new Error(`SECURITY.md: no row in test/docs/promises.ts for "${text}"`);
    const rows = sections.get(section) ?? [];
    sections.set(section, rows);
    rows.push([unlinked(text), typeof held === "string" ? held : held.map(heldBy).join("<br>")]);
  }
  for (const [section, rows] of sections) {
    parts.push(`## ${section}`, table(["sentence", "held by test/"], rows));
  }
  return { file: "promises.md", text: `${parts.join("\n\n")}\n` };
}

/** Links lead from the root: their words alone. */
const unlinked = (text: string): string => text.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1");
