"""The XML file that describes a delivered product."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from ..catalogue import Catalogue
from ..citations import citation_of
from ..orders import Order
from ..replies import Content, content_of
from ..times import written


def metadata_content(catalogue: Catalogue, order: Order, names: tuple[str, ...]) -> Content:
    """Gives the description of an order: product, source, span, options, deployments, files."""
    root = ET.Element("dataProductMetadata", source="oncsync sandbox")
    product = ET.SubElement(root, "dataProduct", code=order.product.code, extension=order.product.extension)
    product.text = order.product.name
    span = ET.SubElement(root, "timeRange")
    ET.SubElement(span, "dateFrom").text = written(order.span.begin)
    ET.SubElement(span, "dateTo").text = written(order.span.end)
    source = ET.SubElement(root, "source")
    if order.location:
        ET.SubElement(source, "location", code=order.location.code).text = order.location.name
    if order.category:
        ET.SubElement(source, "deviceCategory", code=order.category.code).text = order.category.name
    if order.device:
        ET.SubElement(source, "device", code=order.device.code).text = order.device.name
    if order.measured:
        ET.SubElement(source, "property", code=order.measured.code).text = order.measured.name
    options = ET.SubElement(root, "dataProductOptions")
    for name, value in order.options:
        ET.SubElement(options, "option", name=name).text = value
    deployments = ET.SubElement(root, "deployments")
    for deployment in order.deployments:
        row = ET.SubElement(deployments, "deployment", deviceCode=deployment.device.code)
        row.set("begin", written(deployment.begin))
        if deployment.end:
            row.set("end", written(deployment.end))
        for name, place in (("lat", deployment.lat), ("lon", deployment.lon), ("depth", deployment.depth)):
            if place is not None:
                row.set(name, str(place))
        citation = citation_of(catalogue, deployment)
        if citation:
            ET.SubElement(row, "citation", doi=str(citation["doi"])).text = str(citation["citation"])
    files = ET.SubElement(root, "files")
    for name in names:
        ET.SubElement(files, "file").text = name
    ET.indent(root)
    return content_of(ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
