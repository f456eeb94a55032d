import * as front from "firelight";
import * as processes from "firelight/backends/process";
import * as catalog from "firelight/catalog";

const doors = { front, processes, catalog };
const shut = Object.entries(doors).filter(([, door]) => Object.keys(door).length === 0);
console.log(shut.length === 0 ? "all entry points loaded" : `without exports: ${shut.map(([name]) => name).join()}`);
