// tsyringe, on which @peculiar/x509 is built, refuses to load without the metadata reflection API,
// of which it uses three functions. A package for these would be larger than the functions.
// Import this file before @peculiar/x509.

type Metadata = Map<unknown, unknown>;

interface MetadataReflection {
  getOwnMetadata(key: unknown, target: object): unknown;
  getMetadata(key: unknown, target: object): unknown;
  defineMetadata(key: unknown, value: unknown, target: object): void;
}

const metadataOf = new WeakMap<object, Metadata>();

const reflection: MetadataReflection = {
  getOwnMetadata: (key, target) => metadataOf.get(target)?.get(key),
  getMetadata: (key, target) => {
    for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at)) {
      const own = metadataOf.get(at);
      if (own?.has(key)) return own.get(key);
    }
    return undefined;
  },
  defineMetadata: (key, value, target) => {
    const own = metadataOf.get(target) ?? new Map();
    metadataOf.set(target, own.set(key, value));
  },
};

if (!('getMetadata' in Reflect)) Object.assign(Reflect, reflection);
