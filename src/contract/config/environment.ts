/** The environment variables that Firelight reads. */
export type Environment = Readonly<Record<string, string | undefined>>;
