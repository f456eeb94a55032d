/** CPU time of this process in milliseconds, of all its threads: unlike elapsed time, without the time of other processes. */
export const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};
