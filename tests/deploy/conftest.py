import shutil
import subprocess

import pytest

from app.factory import create_app
from app.settings import read_settings
from tests.deploy.platforms import DOCKER, FILLED


@pytest.fixture
def secrets(tmp_path):
    """Return the folder of secrets that prepare.sh makes, with what an operator fills in."""
    for name in ("prepare.sh", ".env.example"):
        shutil.copy(DOCKER / name, tmp_path)
    subprocess.run([tmp_path / "prepare.sh"], check=True)
    (tmp_path / "secrets" / "dx_api_token").write_text(FILLED["DX_API_TOKEN"])
    (tmp_path / "secrets" / "pagerduty_webhook_secrets").write_text(FILLED["PAGERDUTY_WEBHOOK_SECRETS"])
    return tmp_path / "secrets"


@pytest.fixture(scope="module")
def routes():
    """Return the routes of the application."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", "postgresql://bridge@db.example.com/bridge")
        return create_app(read_settings()[0]).url_map.bind("bridge.example.com")
