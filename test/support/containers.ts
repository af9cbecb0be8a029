/** Servers in containers, wherever a Docker engine answers: testcontainers finds it, starts them and clears them away. */
import type { GenericContainer } from 'testcontainers';
import { MINUTE } from '../../src/units.ts';
import type { RealServer } from './servers.ts';

/** An image may have to be downloaded first. */
const START_MS = 5 * MINUTE;

export interface ContainerOptions {
  readonly image: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Inside the container; outside it is the same one where `fixed`, for servers that tell their clients where they are. */
  readonly port: number;
  readonly fixed?: boolean;
  /** What answers 200 once it is ready, of a server that speaks HTTP. */
  readonly ready?: string;
  readonly address: (host: string, port: number) => string;
}

/** `undefined` where no Docker engine answers. */
export const inContainer = async (options: ContainerOptions): Promise<RealServer | undefined> => {
  // Reading it takes a second, which who has no Docker engine need not wait for twice.
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers');
  try {
    await getContainerRuntimeClient();
  } catch {
    return undefined;
  }
  const container = new GenericContainer(options.image);
  if (options.ready !== undefined) container.withWaitStrategy(Wait.forHttp(options.ready, options.port));
  return started(container, options);
};

const started = async (
  container: GenericContainer,
  { image, environment, port, fixed = false, address }: ContainerOptions,
): Promise<RealServer> => {
  const running = await container
    .withEnvironment(environment)
    .withExposedPorts(fixed ? { container: port, host: port } : port)
    .withStartupTimeout(START_MS)
    .start();
  return {
    address: address(running.getHost(), running.getMappedPort(port)),
    what: `${image} in a container`,
    stop: async () => void (await running.stop()),
  };
};
