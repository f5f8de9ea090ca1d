// What Espruino's Storage looks like in flash. Run by Espruino's build for Linux (2v29, November 2026) in a folder of its
// own, as it stands and without its compact(): each time espruino.flash is the Storage. vectors.json has both in base64,
// without the FFs behind the last file.
const s = require("Storage");
s.eraseAll();
s.write("a", "hello");
s.write("motekey-creda", "\x00\x01\x02\xff binary");
s.write("28-characters-28-characters-", "x");
s.write("app.js", "print(1);");
s.write("big", new Uint8Array(500).fill(65));
["a", "ab", "abc", "a", "ab"].forEach((text, i) => {
  s.write(`f${i}`, text);
});
s.write("a", "hellO");
s.erase("f1");
s.open("log", "w").write("a line\n");
s.compact();
quit();
