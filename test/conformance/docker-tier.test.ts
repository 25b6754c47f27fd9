import { after, before, test } from 'node:test';
import {
  BUILD_DEADLINE_MS,
  buildImages,
  sharePodman,
  startDockerTier,
  startPlainDockerTier,
} from '../support/docker-tier.ts';
import { whyNoPodman } from '../support/podman.ts';
import { testPython } from './python.ts';
import { testTier } from './tier.ts';

const missing = whyNoPodman();
if (missing === null) {
  // One for all suites, so that its images are built once.
  const shared = sharePodman();
  before(async () => buildImages((await shared).podman), { timeout: BUILD_DEADLINE_MS });
  after(async () => (await shared).leave());
  testTier('the container tier in Podman', startDockerTier);
  testPython('the container tier in Podman', startPlainDockerTier);
} else test('the container tier in Podman', { skip: missing }, () => undefined);
