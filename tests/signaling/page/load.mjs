// The page's modules are .js without a package.json, which Node would take for CommonJS.

import { readFileSync } from "node:fs";

const folder = new URL("../../../signaling/antiphon_signaling/page/", import.meta.url);

export const load = (name) =>
  import(`data:text/javascript,${encodeURIComponent(readFileSync(new URL(name, folder), "utf8"))}`);
