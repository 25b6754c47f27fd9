import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTAINERS_SETTINGS, readContainers } from '../../../src/settings/containers.ts';

test('nothing has to be set', () => {
  assert.deepEqual(readContainers({}, {}), {
    engine: 'auto',
    dockerHost: null,
    runtimeDir: null,
    baseImages: {},
    pythonPath: null,
    scratchMb: 256,
    installsDependencies: true,
    pipIndexUrl: null,
    npmRegistry: null,
  });
});

test('options win over the environment', () => {
  const env = {
    CORDON_CONTAINER_ENGINE: 'docker',
    DOCKER_HOST: 'unix:///run/podman.sock',
    CORDON_PYTHON: '/usr/bin/python3.12',
    CORDON_PYTHON_IMAGE: 'python:3.12-slim',
    CORDON_INSTALL_DEPENDENCIES: '0',
    CORDON_PIP_INDEX_URL: 'https://reader:secret@pip.example.com/simple',
  };
  const found = readContainers({ engine: 'embedded', npmRegistry: 'https://npm.example.com' }, env);
  assert.equal(found.engine, 'embedded');
  assert.deepEqual(found.baseImages, { python: 'python:3.12-slim' });
  assert.deepEqual(
    [found.dockerHost, found.pythonPath, found.installsDependencies, found.pipIndexUrl, found.npmRegistry],
    [
      'unix:///run/podman.sock',
      '/usr/bin/python3.12',
      false,
      'https://reader:secret@pip.example.com/simple',
      'https://npm.example.com',
    ],
  );
});

test('what is not valid stops the start with a sentence, and no registry is shown', () => {
  for (const [name, value, message] of [
    ['CORDON_CONTAINER_ENGINE', 'lxc', /must be one of auto, embedded, docker/],
    ['CORDON_PYTHON', 'python3', /must be an absolute path/],
    ['CORDON_NODE_IMAGE', 'a b', /must be the name of an image/],
    ['CORDON_CONTAINER_TMP_MB', '1', /must be a whole number from 16/],
    ['CORDON_NPM_REGISTRY', 'ftp://me:secret@example.com', /is 27 characters long, but it must be an address/],
  ] as const)
    assert.throws(() => readContainers({}, { [name]: value }), { message });
});

test('what may hold a password is taken out of the environment', () => {
  const secret = CONTAINERS_SETTINGS.filter((setting) => setting.secret === true).map(({ name }) => name);
  assert.deepEqual(secret, ['CORDON_PIP_INDEX_URL', 'CORDON_NPM_REGISTRY']);
});
