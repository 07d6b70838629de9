"""How a deployment is cited."""

from __future__ import annotations

import uuid

from .catalogue import Catalogue, Deployment


def citation_of(catalogue: Catalogue, deployment: Deployment) -> dict[str, object] | None:
    """Gives the citation of a whole deployment, or None when it has none; the DOI is of the test prefix."""
    if not deployment.cited:
        return None
    place = catalogue.locations[deployment.location]
    parent = catalogue.locations[place.parent].name + " " if place.parent else ""
    category = catalogue.categories[deployment.device.category].name
    key = f"{deployment.device.code}/{deployment.location}/{deployment.begin.isoformat()}"
    doi = f"10.5072/{uuid.uuid5(uuid.NAMESPACE_URL, key)}"
    page = f"https://doi.org/{doi}"
    title = f"{parent}{place.name} {category} Deployed {deployment.begin:%Y-%m-%d}"
    publisher = "Ocean Networks Canada Society"
    text = f"{publisher}. {deployment.begin:%Y}. {title}. {publisher}. {page}."
    return {"citation": text, "doi": doi, "landingPageUrl": page, "queryPid": None}
