/** `motekey device`: every command and flag, and the test that holds it. */
import type { Held } from "./contract-promises.js";
import type { Test } from "./pages.js";

export const NO_CLOUD: Test = [
  "device-cloud",
  "an address that is no cloud's: cloud_unreachable, cloud_invalid, and none that would show the token",
];
export const CREATE: Test = [
  "device-cloud",
  "create makes a key in a file of its owner's alone, and the device is let in with it",
];
const DEVICES: Test = ["device-cloud", "list has every device, over many pages too"];
const REVOKE: Test = [
  "device-cloud",
  "revoke ends connection and tokens, and the device is refused from then on",
];
const ROTATE: Test = [
  "device-cloud",
  "rotate makes a next key, which the running device fetches, proves, and goes on with",
];
const BATCH: Test = [
  "device-batch",
  "makes an image of each, for its owner only, with its settings, and the cloud knows its key",
];
const BOARDS: Test = [
  "device-boards",
  "each board that is plugged in gets a device of its own, with its settings, and the cloud knows its key",
];
const CERTIFIED_FLAGS: Test = [
  "device-certified",
  "--ca, --passphrase-file, --profile and --cloud-ca-file are those of 'device create' and 'device image'",
];
const BOARDS_WHERE: Test = [
  "device-boards",
  "--partition, --table, --chip and --baud are those of 'device flash'",
];
const AUDIT: Test = [
  "device-audit",
  "a log as 'device batch' wrote it is intact, and ends with the hash that was printed",
];
const GROUP_KEY: Test = [
  "device-group-key",
  "from a file of its owner's alone, or one that an age identity opens",
];
const DERIVED: Test = ["device-group-key", "derives the key of 'device create' and of 'device image' too"];
const SEALED: Test = [
  "device-sealed",
  "a batch's images are opened by Debian's age, and by nobody without the identity",
];
const ENCRYPTED: Test = [
  "device-image",
  "--keys-file and --hmac-key-file encrypt it, as the keys partition or the chip's HMAC key say",
];
const FLASH: Test = [
  "device-flash",
  "reads, merges, writes, reads back and compares; what the app had stays",
];
const FLASH_SETTINGS: Test = ["device-flash", "--set and --settings write settings of the app's beside it"];
const FLASH_KEYS: Test = [
  "device-flash",
  "without its keys, with others, and with a blank keys partition: refused with why",
];
const FLASH_COUNTER: Test = [
  "device-cloud",
  "flash asks the cloud for the counter and the key's fingerprint, and refuses another key and a revoked device",
];
const SHEETS: Test = [
  "device-label",
  "sheets as PDF: a scanner reads id and fingerprint of each, and no secret is in the file",
];
const CA_CREATE: Test = [
  "ca",
  "create makes a CA whose name is what was given, and whose key only age opens, for its owner alone",
];
const PASSPHRASE: Test = [
  "ca",
  "create with a passphrase, which age opens too; a short one and a wrong one are refused",
];
const SIGN: Test = [
  "ca",
  "sign takes the key of a request and nothing else, and openssl verifies it: {name}",
];
const SHORT: Test = [
  "ca",
  "sign --profile short is for a week; a renewal is in the ledger as one; show lists what is good",
];
const REFUSES: Test = [
  "ca",
  "sign refuses weak keys, requests that prove nothing, and ids that are no names; --dry-run signs nothing",
];
const TAKES_BACK: Test = [
  "ca",
  "revoke takes back, and mosquitto lets nobody in whom the list names; crl makes it anew",
];
const CERTIFIED: Test = [
  "ca",
  "device create --cert: an image with the certificate boots to mutual TLS, and the next one is taken after --certify",
];

// biome-ignore format: a table
/** `motekey ca`: commands, and their flags after a space. */
export const CA_COMMANDS: Held = {
  "motekey ca": ["program", "'motekey {line}' shows help with examples on stdout"],
  "motekey ca create": CA_CREATE,
  "motekey ca create --name <name>": CA_CREATE,
  "motekey ca create --key-type <type>": PASSPHRASE,
  "motekey ca create --days <number>": CA_CREATE,
  "motekey ca create --recipient <age1…>": CA_CREATE,
  "motekey ca create --recipients-file <file>": CA_CREATE,
  "motekey ca create --passphrase-file <file>": PASSPHRASE,
  "motekey ca create --ca <folder>": PASSPHRASE,
  "motekey ca create --dry-run": ["ca", "create --dry-run makes nothing"],
  "motekey ca show": SHORT,
  "motekey ca show --ca <folder>": SHORT,
  "motekey ca sign": SIGN,
  "motekey ca sign --csr <file>": SIGN,
  "motekey ca sign --id <id>": SIGN,
  "motekey ca sign -o, --out <file>": SIGN,
  "motekey ca sign --force": SHORT,
  "motekey ca sign --profile <name>": SHORT,
  "motekey ca sign --certify": CERTIFIED,
  "motekey ca sign --cloud <url>": CERTIFIED,
  "motekey ca sign --ca <folder>": PASSPHRASE,
  "motekey ca sign --passphrase-file <file>": PASSPHRASE,
  "motekey ca sign --identity-file <file>": SIGN,
  "motekey ca sign --dry-run": REFUSES,
  "motekey ca revoke": TAKES_BACK,
  "motekey ca revoke --dry-run": TAKES_BACK,
  "motekey ca revoke --ca <folder>": TAKES_BACK,
  "motekey ca revoke --passphrase-file <file>": PASSPHRASE,
  "motekey ca revoke --identity-file <file>": TAKES_BACK,
  "motekey ca crl": TAKES_BACK,
  "motekey ca crl --ca <folder>": TAKES_BACK,
  "motekey ca crl --passphrase-file <file>": PASSPHRASE,
  "motekey ca crl --identity-file <file>": TAKES_BACK,
};
const FLASH_GROUP: Test = ["device-flash", "derives the key from a group key, in a file or sealed"];
const VERIFY: Test = [
  "device-verify",
  "of an image that the cloud knows so: exit 0, and no key in any output",
];
const VERIFY_PORT: Test = ["device-verify", "of the chip at a port, after 'device flash'"];
const WIFI_FIELDS: Test = [
  "device-wifi",
  "gives its fields; the password from standard input too; --baud sets the speed; the port is closed",
];
const SEAL_FLASHED: Test = [
  "device-seal",
  "flash seals what it writes to the chip, and refuses another chip's MAC address",
];
const SEAL_REFUSED: Test = [
  "device-seal",
  "a secret that is none, or open to others, or a MAC address alone, is refused, and not shown",
];
const VERIFY_KEYS: Test = ["device-verify", "of an encrypted image, with its keys"];

// biome-ignore format: a table
/** Commands, and their flags after a space. */
export const DEVICE_COMMANDS: Held = {
  "motekey device": ["program", "'motekey {line}' shows help with examples on stdout"],
  "motekey device create": CREATE,
  "motekey device create --id <id>": CREATE,
  "motekey device create -o, --out <file>": ["device-cloud", "create again, after any cut, is the same device with the same key"],
  "motekey device create --dry-run": ["device-cloud", "create without --id makes one, and --dry-run registers nothing and writes nothing"],
  "motekey device create --cloud <url>": NO_CLOUD,
  "motekey device create --cert <type>": CERTIFIED,
  "motekey device create --csr <file>": CERTIFIED,
  "motekey device create --profile <name>": SHORT,
  "motekey device create --ca <folder>": CERTIFIED,
  "motekey device create --passphrase-file <file>": PASSPHRASE,
  "motekey device create --group-key-file <file>": DERIVED,
  "motekey device create --identity-file <file>": GROUP_KEY,
  "motekey device list": DEVICES,
  "motekey device ls": ["completion", "offers commands, aliases included"],
  "motekey device list --cloud <url>": NO_CLOUD,
  "motekey device show": ["device-cloud", "show has the counter, the key's fingerprint, and who did what"],
  "motekey device show --cloud <url>": NO_CLOUD,
  "motekey device rotate": ROTATE,
  "motekey device rotate --cancel": ["device-cloud", "rotate --cancel takes it back: the device keeps its key"],
  "motekey device rotate --dry-run": ROTATE,
  "motekey device rotate --cloud <url>": NO_CLOUD,
  "motekey device revoke": REVOKE,
  "motekey device revoke --force": REVOKE,
  "motekey device revoke --dry-run": REVOKE,
  "motekey device revoke --cloud <url>": NO_CLOUD,
  "motekey device image": ["device-image", "makes a partition with the credential in both slots, for its owner only, and tells what it is"],
  "motekey device image --format <name>": ["device-formats", "espruino has the credential in both files, beside what Storage held, to a token from the cloud"],
  "motekey device image --id <id>": ["device-firmware", "gets a token at its first connection: its counter begins above the cloud's"],
  "motekey device image --psk-file <file>": ["device-image", "the key is read from standard input with --psk-file -"],
  "motekey device image --group-key-file <file>": DERIVED,
  "motekey device image --identity-file <file>": GROUP_KEY,
  "motekey device image --cert-file <file>": CERTIFIED,
  "motekey device image --key-file <file>": CERTIFIED,
  "motekey device image --cloud-ca-file <file>": CERTIFIED,
  "motekey device image --counter <number>": ["device-firmware", "gets a token at its first connection: its counter begins above the cloud's"],
  "motekey device image --size <bytes>": ["device-image", "--size in decimal or hex; below 0x3000 it is refused"],
  "motekey device image --merge <file>": ["device-image", "--merge keeps every other key byte for byte, and no older record that could win"],
  "motekey device image --set <namespace.key=type:value>": ["device-image", "--set and --settings write settings of the app's, of every type"],
  "motekey device image --settings <file>": ["device-image", "--set and --settings write settings of the app's, of every type"],
  "motekey device image -o, --out <file>": ["device-image", "makes a partition with the credential in both slots, for its owner only, and tells what it is"],
  "motekey device image --force": ["device-image", "a file that is there is replaced with --force only, and its wider mode goes with it"],
  "motekey device image --dry-run": ["device-image", "--json has its fields; --dry-run writes nothing"],
  "motekey device image --keys-file <file>": ENCRYPTED,
  "motekey device image --hmac-key-file <file>": ENCRYPTED,
  "motekey device image --seal-secret-file <file>": ["device-seal", "image seals both slots with --seal-secret-file, as the firmware opens them, and the secret is in nothing that it writes"],
  "motekey device image --seal-mac <address>": ["device-seal", "image obfuscates with --seal-mac, and never calls that sealed"],
  "motekey device flash": FLASH,
  "motekey device flash -p, --port <path>": ["device-flash", "refuses to guess, and lists them; --port takes a path or a USB serial number"],
  "motekey device flash --format <name>": ["device-espruino", "writes, compacts and reads back: the old key is nowhere in flash, the app's files stay"],
  "motekey device flash --id <id>": FLASH,
  "motekey device flash --psk-file <file>": FLASH,
  "motekey device flash --counter <number>": FLASH,
  "motekey device flash --set <namespace.key=type:value>": FLASH_SETTINGS,
  "motekey device flash --settings <file>": FLASH_SETTINGS,
  "motekey device flash --partition <label>": ["device-flash", "by its name where there are several; without one it is refused with their names"],
  "motekey device flash --table <offset>": ["device-flash", "behind a larger boot loader, and where --table says"],
  "motekey device flash --chip <name>": ["device-flash", "another chip than --chip names"],
  "motekey device flash --baud <rate>": ["device-flash", "--baud 115200 changes no speed, and another is agreed on once the flasher runs"],
  "motekey device flash --replace": ["device-flash", "a damaged partition; --replace writes a new one in its place"],
  "motekey device flash --dry-run": ["device-flash", "--dry-run says what would change, and writes nothing; the device runs its app again"],
  "motekey device flash --keys-file <file>": FLASH_KEYS,
  "motekey device flash --seal-secret-file <file>": SEAL_FLASHED,
  "motekey device flash --seal-mac <address>": SEAL_FLASHED,
  "motekey device flash --hmac-key-file <file>": ["device-flash", "takes the chip's HMAC key, and the keys that lie on the chip in the clear"],
  "motekey device flash --cloud <url>": FLASH_COUNTER,
  "motekey device flash --group-key-file <file>": FLASH_GROUP,
  "motekey device flash --identity-file <file>": FLASH_GROUP,
  "motekey device verify": VERIFY,
  "motekey device verify --seal-secret-file <file>": ["device-seal", "opens them with the secret; what it does not open, and what is not sealed, is a problem"],
  "motekey device verify --seal-mac <address>": SEAL_REFUSED,
  "motekey device verify --id <id>": ["device-verify", "another device than --id names, and one that the cloud does not know"],
  "motekey device verify -p, --port <path>": VERIFY_PORT,
  "motekey device verify --partition <label>": VERIFY_PORT,
  "motekey device verify --table <offset>": VERIFY_PORT,
  "motekey device verify --chip <name>": VERIFY_PORT,
  "motekey device verify --baud <rate>": VERIFY_PORT,
  "motekey device verify --keys-file <file>": VERIFY_KEYS,
  "motekey device verify --hmac-key-file <file>": VERIFY_KEYS,
  "motekey device verify --cloud <url>": VERIFY,
  "motekey device wifi": ["device-wifi", "at a pseudo-terminal: the example's device joins, and says where it is"],
  "motekey device wifi -p, --port <path>": ["device-wifi", "at a pseudo-terminal: the example's device joins, and says where it is"],
  "motekey device wifi --ssid <name>": WIFI_FIELDS,
  "motekey device wifi --password-file <file>": WIFI_FIELDS,
  "motekey device wifi --open": ["device-wifi", "--open joins a network without a password"],
  "motekey device wifi --scan": ["device-wifi", "--scan lists the networks that the device sees, and changes nothing"],
  "motekey device wifi --baud <rate>": WIFI_FIELDS,
  "motekey device inspect --seal-secret-file <file>": ["device-seal", "inspect opens them with the secret, and says without it that they are sealed, with another why not"],
  "motekey device inspect --seal-mac <address>": SEAL_REFUSED,
  "motekey device inspect": ["device-image", "prints a table: numbers as they are, records with fingerprints, and how full it is"],
  "motekey device inspect --against <file>": ["device-image", "--against tells what was added, changed and removed"],
  "motekey device inspect --keys-file <file>": ["device-image", "opens an encrypted one with --keys or --hmac-key-file, and with no others"],
  "motekey device inspect --hmac-key-file <file>": ["device-image", "opens an encrypted one with --keys or --hmac-key-file, and with no others"],
  "motekey device batch": BATCH,
  "motekey device batch -o, --out <folder>": BATCH,
  "motekey device batch --size <bytes>": ["device-batch", "is not mixed with another list, another size or another key: batch_other"],
  "motekey device batch --dry-run": ["device-batch", "--dry-run registers nothing and writes nothing"],
  "motekey device batch --cloud <url>": NO_CLOUD,
  "motekey device batch --keys-file <file>": ["device-sealed", "--keys-file and --hmac-key-file encrypt a batch's partitions"],
  "motekey device batch --hmac-key-file <file>": ["device-sealed", "--keys-file and --hmac-key-file encrypt a batch's partitions"],
  "motekey device batch --group-key-file <file>": GROUP_KEY,
  "motekey device batch --identity-file <file>": GROUP_KEY,
  "motekey device batch --recipient <age1…>": SEALED,
  "motekey device batch --recipients-file <file>": SEALED,
  "motekey device batch --seal-secret-file <file>": ["device-batch-seal", "seals each image with the key of the chips' eFuses, which is in nothing that it writes"],
  "motekey device batch --seal-by-mac": ["device-batch-seal", "--seal-by-mac obfuscates each image with the chip's address, a column of the list"],
  "motekey device batch --jobs <number>": BOARDS,
  "motekey device batch -p, --port <path>": ["device-boards", "ports by the serial numbers of their USB devices: no other is touched, and a number that two have is refused"],
  "motekey device batch --once": ["device-boards", "--once ends with the boards that are here; the next run goes on with the list"],
  "motekey device batch --reprovision": ["device-boards", "a board that is another device already is left as it is, unless --reprovision says otherwise"],
  "motekey device batch --reassign <id>": ["device-boards", "a board that cannot be written keeps its device until --reassign gives it to the next one"],
  "motekey device batch --cert <type>": ["device-certified", "killed at any moment and started again: one certificate for each device, and what a cut left signed is revoked"],
  "motekey device batch --csr-folder <folder>": ["device-certified", "--csr-folder signs the requests of the devices, whose keys never leave them; one that is missing is refused before anything is signed"],
  "motekey device batch --cloud-ca-file <file>": CERTIFIED_FLAGS,
  "motekey device batch --ca <folder>": CERTIFIED_FLAGS,
  "motekey device batch --passphrase-file <file>": CERTIFIED_FLAGS,
  "motekey device batch --profile <name>": CERTIFIED_FLAGS,
  "motekey device batch --partition <label>": BOARDS_WHERE,
  "motekey device batch --table <offset>": BOARDS_WHERE,
  "motekey device batch --chip <name>": BOARDS_WHERE,
  "motekey device batch --baud <rate>": BOARDS_WHERE,
  "motekey device label": SHEETS,
  "motekey device label -o, --out <file>": ["device-label", "--png: one for each, and a file that is there is replaced with --force only"],
  "motekey device label --png": ["device-label", "--png: one for each, and a file that is there is replaced with --force only"],
  "motekey device label --force": ["device-label", "--png: one for each, and a file that is there is replaced with --force only"],
  "motekey device label --with-secret": ["device-label", "--with-secret: the key is in the code, the file is its owner's alone, and no output has the key"],
  "motekey device label --dry-run": ["device-label", "--with-secret of sealed images, a folder without a batch, and --out that is no PDF are refused"],
  "motekey device serve": ["device-serve", "registers a device, reads, merges, writes, compares: the firmware boots from that flash to a token, and the app's values stay"],
  "motekey device serve --http-port <number>": ["device-serve", "listens on the loopback, and lets nothing run or load that is not its own"],
  "motekey device serve --cloud <url>": NO_CLOUD,
  "motekey device audit": ["program", "'motekey {line}' shows help with examples on stdout"],
  "motekey device audit verify": AUDIT,
  "motekey device audit verify --head <hash>": ["device-audit", "lines missing at the end are found by --head"],
};
