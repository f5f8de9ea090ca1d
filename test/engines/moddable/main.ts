/** The engine suite and a client as an app on Moddable that has the firmware prebuilt, for `moddable.test.ts`. */
import { moddablePorts } from "motekey";
import { cases, readJson } from "../suite.js";
import { answer, type ClientCommand, listen, obey } from "./client.js";

type Command = ClientCommand | { do: "case"; index: number } | { do: "json"; hex: string; size: number };

listen((command: Command) => {
  if (command.do === "case") answer(cases[command.index]?.run());
  else if (command.do === "json") answer(readJson(command.hex, command.size));
  else obey(command, moddablePorts);
});
