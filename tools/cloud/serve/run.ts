import type { Finding, ServiceOptions } from "../../../host-sim/service/index.js";
import type { Context } from "../../cli/act.js";
import { untilEnded } from "../../cli/ending.js";
import { Exit, Failure, printable } from "../../cli/failure.js";
import { type ServiceFlags, serviceOptions } from "./settings.js";

/** The flags of `motekey cloud serve`. */
export interface ServeFlags extends ServiceFlags {
  readonly check?: boolean;
  readonly restored?: boolean;
}

type Log = NonNullable<ServiceOptions["log"]>;

/** Runs a replica of the service until a signal ends it. */
export async function serve(context: Context, flags: ServeFlags): Promise<number> {
  const { system, output } = context;
  // Loaded here: it takes longer than all other commands.
  const { checkService, startService } = await import("../../../host-sim/service/index.js");
  const options = await serviceOptions(context, flags);
  if (flags.check === true) return told(context, await checkService(options));
  const log: Log = (event) =>
    output.note(JSON.stringify({ at: new Date(system.now()).toISOString(), ...event }));
  const service = await startService({ ...options, log, restored: flags.restored === true }).catch(
    (failure: Error) => {
      throw new Failure("failed", `${printable(failure.message)}.`, "Run it with --check.", {
        cause: failure,
      });
    },
  );
  const { mqttUrl, httpUrl, wsUrl, rpcUrl } = service;
  output.answer(
    { mqtt: mqttUrl, http: httpUrl, ws: wsUrl, rpc: rpcUrl, findings: [] },
    [`MQTT      ${mqttUrl}`, `HTTP      ${httpUrl}`, `WebSocket ${wsUrl}, ${rpcUrl}`].join("\n"),
  );
  await untilEnded(system);
  await service.close();
  return Exit.DONE;
}

function told({ output }: Context, findings: readonly Finding[]): number {
  const isWell = findings.every(({ isWarning }) => isWarning);
  const lines = findings.map(
    ({ isWarning, problem, next }) =>
      `${isWarning ? "warning" : "problem"}: ${printable(problem, 400)}. ${next}`,
  );
  output.answer(
    { findings: findings.map(({ isWarning, ...rest }) => ({ ...rest, warning: isWarning })) },
    lines.length === 0 ? "Nothing is wrong." : lines.join("\n"),
  );
  return isWell ? Exit.DONE : Exit.FAILED;
}
