// Mocha's spec reporter, and as the very last line of the process a count of what really ran.
const { Spec } = require("mocha").reporters;

module.exports = class Reporter extends Spec {
  constructor(runner, options) {
    super(runner, options);
    process.on("exit", () => {
      const { passes, failures, pending } = runner.stats;
      console.log(`${passes} passed, ${failures} failed, ${pending} skipped`);
    });
  }

  /** Mocha's exit code is the number given to `exit`: a run without a test is a failure too. */
  done(failures, exit) {
    const { passes, pending } = this.stats;
    if (failures > 0 || passes > 0) exit(failures);
    else {
      console.log(pending > 0 ? "All tests were skipped." : "No test ran: check the file names and --grep.");
      exit(1);
    }
  }
};
